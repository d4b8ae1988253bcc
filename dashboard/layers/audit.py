"""The section of the audit: channels that are dead or say what another says, and what going without them would save."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import cache, folder_picker, state, words
from dashboard.layers import over as measured_over
from dashboard.layers import place as places
from dashboard.layers import silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.feedback import Listening
    from dashboard.folder import Folder
    from dashboard.layers.place import Place
    from explain.audit import Audit
    from explain.silencing import Effect
    from explain.tracing import Trace
    from models.loaded import LoadedModel

#: With fewer pictures than this, a channel that seems dead may only not have met what it is for.
FEW = 100
#: Limits of the correlation from which two channels count as saying the same.
LEAST, MOST, USUAL, STEP = 0.9, 0.999, 0.99, 0.001
#: Verdicts on a channel.
DEAD, NEARLY, SAME, USED = "dead", "nearly dead", "like", "in use"


def draw(place: Place, hear: Listening) -> None:
    """Draw the section."""
    over = folder_picker.choose(place.rail.model, hear)
    if over is None:
        return
    found = _audit(place, over, hear)
    alike = _alike(found.alike is None)
    st.markdown(said(found, alike, place))
    _cautions(found, place)
    _tables(place, found, alike)
    _without(place, found, alike, over, hear)


def said(found: Audit, alike: float, place: Place) -> str:
    """Say in a few sentences what was found, and what it would save."""
    dead, nearly, pairs = len(found.dead), len(found.nearly_dead), found.count_redundant(alike)
    these = f"on {'these' if found.pictures > 1 else 'this'} {_many(found.pictures, 'picture')}"
    lifeless = f"**{dead:,}** {'is' if dead == 1 else 'are'} dead (never above zero {these})"
    same = f"**{_many(pairs, 'pair')}** {'says' if pairs == 1 else 'say'} the same"
    text = f"Of **{_many(found.channels, place.part)}**, {lifeless}"
    text += f" and **{nearly:,}** nearly dead." if found.alike is None else f", **{nearly:,}** nearly dead, and {same}."
    return f"{text} {_saved(found, alike, place)}".strip()


def _saved(found: Audit, alike: float, place: Place) -> str:
    spare = len(found.spare(alike))
    if not spare:
        return "" if found.alike is None else "Nothing here could go."
    if found.saving is None:
        return f"**{_many(spare, place.part)}** could go; what that would save cannot be told for this network."
    entry = place.rail.model
    weights = spare * found.saving.parameters
    share = words.percent(weights / entry.parameters) if entry.parameters else ""
    steps = in_words(spare * found.saving.multiply_adds)
    text = (
        f"Without **{_many(spare, place.part)}**, the network would hold **{weights:,}** weights less ({share}) and "
        f"take **{steps}** multiply-adds less for each picture."
    )
    if not found.saving.whole:
        text += f" The {place.part}s are part of a sum and stay there; counted are the weights that read them."
    return text


def in_words(count: int) -> str:
    """Write a large number as people say it: 3,200, 1.2 million."""
    if count < 100_000:
        return f"{count:,}"
    return f"{count / 1e6:.2g} million" if count < 1e9 else f"{count / 1e9:.2g} billion"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _audit(place: Place, over: Folder, hear: Listening) -> Audit:
    def compute(network: LoadedModel, trace: Trace) -> Audit:
        from explain.audit import audit

        return audit(network, place.layer, over.pictures)

    waiting = st.empty()

    def so_far(partial: object) -> None:
        found: Audit = partial  # type: ignore[assignment]
        waiting.markdown(
            f"After {_many(found.pictures, 'picture')}, **{len(found.dead):,}** of {found.channels:,} channels "
            "have not been above zero yet."
        )

    hear.work("Going over the pictures", so_far)
    found = cache.study(measured_over.choice(place), f"audit:{over.identity}", compute, hear)
    waiting.empty()
    return found


def _alike(disabled: bool) -> float:
    state.check_number("alike", LEAST, MOST, float, "the correlation")
    alike: float = st.slider(
        "Two channels say the same from a correlation of",
        LEAST,
        MOST,
        USUAL,
        STEP,
        format="%.3f",
        key="alike",
        bind="query-params",
        width=360,
        disabled=disabled,
        help="Of what they answer at all places of all pictures; 1 = one is always the same multiple of the other.",
    )
    return alike


def _cautions(found: Audit, place: Place) -> None:
    """Say what makes the figures mean less."""
    from explain.feature_maps import around

    if found.pictures < FEW:
        st.caption(
            f"{_many(found.pictures, 'picture')} {'is' if found.pictures == 1 else 'are'} few: a channel may be for "
            "something that none of them shows. Hand over more to be sure."
        )
    if not found.signed:
        return
    near = around(places.here(place.rail.model.key, place.rail.untrained), place.layer)
    st.caption(
        "Channels of this layer go below zero, so that one that is never above it may still count for what follows."
    )
    if near is not None and near.after != place.layer:
        st.button(
            f"Look after the {near.kind}: {words.escaped(near.after)}",
            key="audit-after",
            on_click=places.pick_layer,
            args=(near.after, place.channel),
        )


def _tables(place: Place, found: Audit, alike: float) -> None:
    """List the channels, the quietest first, and the pairs; picking a row picks the channel."""
    from explain.pairs import MOST_CHANNELS

    left, right = st.columns(2, gap="large")
    order = sorted(range(found.channels), key=lambda channel: (found.share[channel], channel))
    pairs = found.redundant(alike)
    verdicts = _verdicts(found, alike)
    part, seen_in = place.part.capitalize(), f"In pictures, of {found.pictures:,}"
    with left:
        st.markdown(f"**{part}s, the quietest first**")
        st.dataframe(
            {
                part: order,
                "Verdict": [verdicts[channel] for channel in order],
                "Above zero": [100 * float(found.share[channel]) for channel in order],
                seen_in: [int(found.seen[channel]) for channel in order],
                "Largest": [float(found.highest[channel]) for channel in order],
            },
            hide_index=True,
            height=360,
            column_config={
                part: st.column_config.NumberColumn(width=70),
                "Verdict": st.column_config.TextColumn(width=90),
                "Above zero": st.column_config.NumberColumn(
                    format="%.2f %%", width=90, help="Share of all places of all pictures"
                ),
                seen_in: st.column_config.NumberColumn(width=115, help="Pictures in which it is above zero anywhere"),
                "Largest": st.column_config.NumberColumn(format="%.3g", width=75),
            },
            key="audit-channels",
            on_select=_picker("audit-channels", order),
            selection_mode="single-row",
            alt="The channels of the layer with how often they are above zero; pick a row to pick the channel.",
        )
    with right:
        st.markdown("**Pairs that say the same**")
        if found.alike is None:
            st.markdown(
                f"So many channels are not compared with each other: up to {MOST_CHANNELS:,} would be, and this layer "
                f"has {found.channels:,}."
            )
            return
        if not pairs:
            closest = found.pairs[0] if found.pairs else None
            near = "" if closest is None else (
                f" The closest, {closest.first} and {closest.second}, correlate at {closest.correlation:.3f}."
            )
            st.markdown(f"No two channels correlate at {alike:.3f} or more.{near}")
            return
        count = found.count_redundant(alike)
        if count > len(pairs):
            st.caption(f"These are the {len(pairs):,} most alike of {count:,}.")
        st.dataframe(
            {
                part: [pair.first for pair in pairs],
                "Says the same": [pair.second for pair in pairs],
                "Correlation": [pair.correlation for pair in pairs],
                "Cosine of weights": [pair.cosine for pair in pairs],
            },
            hide_index=True,
            height=360 if len(pairs) > 8 else "auto",
            column_config={
                part: st.column_config.NumberColumn(width=70),
                "Says the same": st.column_config.NumberColumn(width=105),
                "Correlation": st.column_config.NumberColumn(format="%.4f", width=90),
                "Cosine of weights": st.column_config.NumberColumn(
                    format="%.4f", width=125, help="Empty where no one layer makes the channels"
                ),
            },
            key="audit-pairs",
            on_select=_picker("audit-pairs", [pair.second for pair in pairs]),
            selection_mode="single-row",
            alt="Pairs of channels that say the same; pick a row to pick the second channel.",
        )
    st.caption(f"Pick a row, and the other sections show that {place.part}.")


def _verdicts(found: Audit, alike: float) -> list[str]:
    verdicts = [USED] * found.channels
    for channel, other in found.like(alike).items():
        verdicts[channel] = f"{SAME} {other}"
    for channels, verdict in ((found.nearly_dead, NEARLY), (found.dead, DEAD)):
        for channel in channels:
            verdicts[channel] = verdict
    return verdicts


def _picker(key: str, channels: list[int]) -> Callable[[], None]:
    def pick() -> None:
        """Go to the channel of the row."""
        rows = state.get(key)["selection"]["rows"]
        if rows:
            places.pick_channel(channels[rows[0]])

    return pick


def _without(place: Place, found: Audit, alike: float, over: Folder, hear: Listening) -> None:
    """Offer to silence channels, and say what that does to the prediction, and to the accuracy over the pictures."""
    st.subheader("What if they fell silent?", anchor=False)
    silent = silence.silent(place, place.size[0])
    with st.container(horizontal=True, vertical_alignment="center"):
        keep_only = silence.keeping()
        verb = "Keep only" if keep_only else "Silence"
        for number, (label, channels) in enumerate(_offered(place, found, alike, verb).items()):
            st.button(
                label,
                key=f"audit-silence-{number}",
                type="primary" if channels == silent else "secondary",
                on_click=silence.remember,
                args=(place.layer, channels),
            )
        if silent:
            st.button("Forget them", key="audit-silence-none", on_click=silence.remember, args=(place.layer, []))
    if not silent:
        st.markdown(f"Pick which {place.part}s. Under Filters, any others can be picked.")
        return
    hear.work("Running the rest of the network")

    def compute(network: LoadedModel, trace: Trace) -> Effect:
        from explain.silencing import effect

        return effect(trace, place.layer, silent, keep_only)

    name = f"silenced:{'keep' if keep_only else 'silence'}:{'-'.join(map(str, silent))}"
    changed: Effect = cache.study(place.choice, name, compute, hear)
    st.markdown(f"On the picture: {silence.sentence(changed, silent, keep_only, place.rail.model.classes)}")
    measured_over.accuracy(place, silent, keep_only, over, hear)


def _offered(place: Place, found: Audit, alike: float, verb: str) -> dict[str, list[int]]:
    """Name the groups of channels that may be picked at once; of a large one, only its first channels."""
    most = silence.MOST_PICKED
    groups = {
        "dead": found.dead,
        "nearly dead": found.nearly_dead,
        "that could go": found.spare(alike) if found.count_redundant(alike) else (),
    }
    offered = {
        (
            f"{verb} all {what} ({len(group):,})"
            if len(group) <= most
            else f"{verb} {most} of {len(group):,} {what}"
        ): list(group[:most])
        for what, group in groups.items()
        if group
    }
    return {**offered, f"{verb} {place.named}": [place.channel]}
