"""The picture before and after the generator: init pictures, Perlin noise, and upscaling."""
