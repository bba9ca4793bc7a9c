"""Outputs: pictures, contact sheets, films, metrics and progress."""
