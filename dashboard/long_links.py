"""Links that are longer than the server would read: what they ask for that is not here gets a notice, not an error."""

from __future__ import annotations

#: Bytes of a link, and of everything else that a browser says before its request ends.
MOST_BYTES = 2**20


def read() -> None:
    """Let the server read links of up to a megabyte, from the next connection on.

    uvicorn stops at 64 KB where a request comes in parts, and Streamlit passes on no setting of it.
    """
    try:
        from uvicorn.protocols.http import h11_impl
    except ImportError:
        return  # another server, with limits of its own
    h11_impl.DEFAULT_MAX_INCOMPLETE_EVENT_SIZE = MOST_BYTES  # type: ignore[attr-defined]
