"""The Attack page: change a picture a little so that the network is fooled, and see what that shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import aim, around, attack_words, cache, export_attack, feedback, lens, loading, state, words
from dashboard.answers import Choice
from dashboard.attack_show import bars, maps, pictures, sizes, survivals, transfers
from dashboard.catalogue import catalogue

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dashboard.around import Attacked
    from dashboard.sidebar import Rail

#: What the maps may be evidence for: what the model said before, or what it says now.
EVIDENCE = ("the class before", "the class after")
#: An attack that asks the network more often than this is repeated at other sizes only when the user wants it.
UNASKED = 60
#: Sizes of a sweep.
SIZES = 16
#: Other networks that are asked unasked.
FEW = 3


def page() -> None:
    """Draw the page."""
    loading.frame("attack", _attack)


def _attack(rail: Rail, head: DeltaGenerator, body: DeltaGenerator) -> None:
    """Attack, say what happened, and draw what can be measured around it, the quick things first."""
    parameters, left = aim.draw(rail)
    choice = Choice(
        model=rail.model.key,
        picture=rail.picture,
        method=rail.method.name,
        parameters=parameters,
        index=left,
        untrained=rail.untrained,
    )
    title, text, progress = head.empty(), head.container(), head.container()
    if feedback.stopped(choice.key):
        title.title("Stopped", anchor=False)
        with text.container():
            feedback.offer_to_begin()
        return
    title.title("What would it take to fool the model?", anchor=False)
    waiting = body.empty()
    waiting.image(lens.passing(cache.crop(choice, 320)), caption="The picture before the attack", alt=rail.alt)
    hear = feedback.Listening(progress, f"Making {rail.model.label} ready")
    with hear, body:
        if cache.loaded(choice.model, choice.untrained) is None:
            hear.starting()
        cache.model(choice.model, choice.untrained, hear)
        hear.work(f"Looking for a change: {rail.method.label}")
        found = around.attack(choice, hear)
        clean = around.clean(found, hear)
        waiting.empty()
        _say(found, rail, title, text)
        pictures(found, clean, rail.model.classes, rail.alt)
        bars(found, rail.model.classes)
        if feedback.stopped(("around", choice.key)):
            feedback.offer_to_begin()
            return
        _measured(found, rail, hear)
    feedback.finished()


def _say(found: Attacked, rail: Rail, title: DeltaGenerator, text: DeltaGenerator) -> None:
    """Write the headline, what happened, and what makes it mean less."""
    names = rail.model.classes
    title.title(attack_words.headline(found, names), anchor=False)
    text.markdown(attack_words.sentence(found, names, rail.method.label))
    with text:
        for note in found.result.notes:
            feedback.notice(note)


def _measured(found: Attacked, rail: Rail, hear: feedback.Listening) -> None:
    """Draw what is measured around the attack, each part in its place as it is ready."""
    names = rail.model.classes
    st.subheader("Is it the size of the change?", anchor=False)
    hear.work("Trying random signs")
    st.markdown(attack_words.controlled(around.control(found, hear), found, names))
    st.subheader("Does the model look elsewhere now?", anchor=False)
    _maps(found, rail, hear)
    twin = _twin(found, rail, hear)
    st.subheader("How little is enough?", anchor=False)
    last = st.container()
    st.subheader("Does it fool other networks?", anchor=False)
    _transfer(found, rail, hear)
    st.subheader("Does it survive what happens to pictures?", anchor=False)
    hear.work("Trying defences")
    survivals(around.defences(found, hear), found)
    st.subheader("Keep it", anchor=False)
    hear.work("Writing the file")
    export_attack.draw(found, around.kept(found, hear), names)
    with st.expander(f"About {rail.method.label}", icon=":material/menu_book:"):
        st.markdown(words.escaped(rail.method.doc))
        st.caption(f"{words.escaped(rail.method.family)} · {words.escaped(rail.method.paper)}")
    with last:
        _sizes(found, twin, rail, hear)


def _maps(found: Attacked, rail: Rail, hear: feedback.Listening) -> None:
    """Explain the picture before and after by the same method, for the same class, on one scale."""
    entries = catalogue().maps
    unsuitable = cache.unsuitable(found.choice.model, found.choice.untrained)
    offered = [name for name in entries if name not in unsuitable]
    one, other = st.columns(2)
    with one:
        state.check_option("explanation", offered, lambda name: entries[name].label, "the explanation", str)
        name = st.selectbox(
            "Explained by", offered, format_func=lambda n: entries[n].label, key="explanation", bind="query-params"
        )
    index, after = found.left, found.said[1]
    with other:
        if after != found.left:
            state.check_option("evidence", EVIDENCE, str, "the evidence")
            asked = st.radio("Evidence for", EVIDENCE, key="evidence", horizontal=True, bind="query-params")
            index = after if asked == EVIDENCE[1] else found.left
    hear.work(f"Computing {entries[name].label} twice")
    both = around.maps(found, name, index, hear)
    maps(both, found, around.clean(found, hear), index, rail.model.classes, entries[name].label)
    st.markdown(attack_words.maps(both))


def _sizes(found: Attacked, twin: Attacked | None, rail: Rail, hear: feedback.Listening) -> None:
    """Draw the curve over sizes, of the robust or standard twin, too, and the smallest size that is enough."""
    if found.attack.budget == float("inf"):
        st.markdown(
            f"{rail.method.label} looks for the smallest change itself: it found one of length "
            f"**{found.result.l2:.2g}**, at most {attack_words.levels(found.result.linf)} of 255 per colour."
            if found.result.success
            else f"{rail.method.label} looks for the smallest change itself, and found none."
        )
        return
    seconds = SIZES * found.result.seconds
    label = f"Try {SIZES} sizes (about {words.duration(seconds)})"
    if not _wanted("sweep", found.result.evaluations <= UNASKED, label):
        return
    hear.work(f"Trying {SIZES} sizes")
    curve = around.sweep(found, hear)
    hear.work("Narrowing down the smallest")
    least = around.smallest(found, curve, hear)
    curves = {rail.model.label: curve}
    norm = found.attack.measured_in
    st.markdown(attack_words.sizes(curve, least, norm))
    if twin is not None:
        entry = catalogue().models[twin.choice.model]
        hear.work(f"Trying {SIZES} sizes on {entry.label}")
        curves[entry.label] = around.sweep(twin, hear)
        st.markdown(f"{words.escaped(entry.label)}: {attack_words.sizes(curves[entry.label], None, norm)}")
    sizes(curves, found)


def _twin(found: Attacked, rail: Rail, hear: feedback.Listening) -> Attacked | None:
    """Attack the robust network in the same way, or the standard one where this is the robust one.

    Each is to leave what it says itself of the picture.
    """
    key = around.twin(found.choice.model)
    if key is None or found.choice.untrained:
        return None
    entry = catalogue().models[key]
    st.subheader(f"What does it do to {words.escaped(entry.label)}?", anchor=False)
    hear.work(f"Attacking {entry.label}")
    choice = around.beside(found.choice, key)
    says = int(cache.predict(choice, hear).indices[0])
    beginning = f"The same attack on **{words.escaped(entry.label)}**"
    if says != found.left:
        beginning += f", which takes the picture for {attack_words.named(says, entry.classes)} to begin with"
    if says == found.goal:
        st.markdown(f"{beginning}: there is nothing left to reach.")
        return None
    other = around.attack(choice, hear)
    st.markdown(f"{beginning}: {attack_words.sentence(other, entry.classes, rail.method.label)}")
    return other


def _transfer(found: Attacked, rail: Rail, hear: feedback.Listening) -> None:
    """Show the attacked picture to every other network on this machine."""
    keys = around.others(found.choice)
    if not keys:
        st.markdown("There are no weights of another network on this machine. Fetch some on the Explain page.")
        return
    if not _wanted("transfer", len(keys) <= FEW, f"Show it to {len(keys)} other networks"):
        return
    rows = []
    for number, key in enumerate(keys):
        hear.work(f"Asking {catalogue().models[key].label}, {number + 1} of {len(keys)}")
        rows.append(around.transfer(found, key, hear))
    transfers(rows, found, rail.model.classes)


def _wanted(key: str, unasked: bool, label: str) -> bool:
    """Tell whether a measurement that may take long is to be made; offer it where it is not."""
    asked = state.mirrored(key, lambda text: text == "yes", "the measurement")
    if unasked or asked:
        return True
    st.button(label, key=f"ask-{key}", on_click=state.mirror, args=(key, "yes"))
    return False
