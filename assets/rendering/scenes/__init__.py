"""One module for each picture; its `scene()` builds it."""
