"""The Streamlit half of ConvLens: layout, widgets, caching. No maths."""
