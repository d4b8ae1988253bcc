"""The Compare page below its frame: what is compared, how it is drawn, and what is measured."""
