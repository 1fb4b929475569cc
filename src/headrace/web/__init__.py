"""The web page as it was built from ``web/``, served to browsers."""
