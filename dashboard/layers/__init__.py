"""The sections of the Layers page: each draws one thing about the picked layer."""
