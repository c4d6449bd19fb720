"""DSSM Lens, the page: `streamlit run streamlit_app.py`."""

import streamlit as st

# the product's name, in a blue that is read on both themes
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 118 24" width="118" height="24">
<text x="0" y="18" font-family="sans-serif" font-size="18" font-weight="700" fill="#2E86C1">
DSSM Lens</text></svg>"""


def compare() -> None:
    """Show one query against its documents."""
    from dssm_core.ui.compare.page import render  # here, so that the page's frame paints at once

    render()


def inspect() -> None:
    """Show where a model is wrong on labelled pairs, and why."""
    from dssm_core.ui.inspect.page import render

    render()


def lab() -> None:
    """Show the notebook's systems."""
    from dssm_core.ui.lab.page import render

    render()


def page() -> None:
    """Show the page that was asked for."""
    from dssm_core.ui.common.language import tr

    st.set_page_config(page_title="DSSM Lens", page_icon="🔍", layout="wide")
    st.logo(LOGO, size="medium")
    st.navigation(
        [
            st.Page(
                compare, title=tr("page.compare"), icon=":material/compare_arrows:", default=True
            ),
            st.Page(
                inspect,
                title=tr("page.inspect"),
                icon=":material/troubleshoot:",
                url_path="inspect",
            ),
            st.Page(lab, title=tr("lab.title"), icon=":material/science:", url_path="lab"),
        ],
        position="top",
    ).run()


if __name__ == "__main__":  # Streamlit runs this file for every session ...
    page()
else:  # ... and `streamlit run` imports it once, as the server
    from dssm_core.ui.common.security_headers import MIDDLEWARE, opened

    app = st.App(__file__, middleware=MIDDLEWARE, lifespan=opened)
