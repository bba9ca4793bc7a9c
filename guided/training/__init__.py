"""How the embedded pair was made, and how to make another: data, CLIP, diffusion, upscaler."""
