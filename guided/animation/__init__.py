"""Animation: key frames and expressions, cameras, depth and flow, and the settings of films."""
