"""Reading of untrusted YAML and files."""
