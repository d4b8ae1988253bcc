"""The Learn page: guided demonstrations on real numbers, one file each."""
