"""CLIP models: loading, tokenising, and faster image towers."""
