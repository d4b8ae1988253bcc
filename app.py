"""ConvLens: the frame of the page and its table of contents."""

from pathlib import Path

import streamlit as st

from dashboard import long_links, warm
from dashboard.views import attack, compare, explain, layers, learn, mistakes

MARK = (
    "<rect width='32' height='32' rx='7' fill='#0b6e4f'/>"
    "<circle cx='14' cy='14' r='7' fill='none' stroke='#fff' stroke-width='3'/>"
    "<path d='M19.5 19.5 26 26' stroke='#fff' stroke-width='3.5' stroke-linecap='round'/>"
    "<circle cx='14' cy='14' r='2.5' fill='#f9c932'/>"
)
ICON = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'>{MARK}</svg>"
LOGO = (
    f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 150 32'>{MARK}"
    "<text x='40' y='23' font-family='sans-serif' font-size='19' font-weight='600' fill='#1f9a73'>ConvLens</text></svg>"
)

long_links.read()
st.set_page_config(page_title="ConvLens", page_icon=ICON, layout="wide")
st.logo(LOGO, size="large")
st.html(Path(__file__).parent / "dashboard" / "page.css")
pages = [
    st.Page(explain.page, title="Explain", url_path="explain", default=True),
    st.Page(compare.page, title="Compare", url_path="compare"),
    st.Page(layers.page, title="Layers", url_path="layers"),
    st.Page(attack.page, title="Attack", url_path="attack"),
    st.Page(mistakes.page, title="Mistakes", url_path="mistakes"),
    st.Page(learn.page, title="Learn", url_path="learn"),
]
page = st.navigation(pages, position="top")
page.run()
warm.soon()
