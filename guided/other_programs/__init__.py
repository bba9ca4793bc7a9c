"""Settings in other programs' files and pictures, recognised by name and translated as far as they
have a meaning here. Imports no torch."""
