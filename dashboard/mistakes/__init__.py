"""The sections of the page Mistakes, one file each."""
