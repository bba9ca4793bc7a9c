"""Training of diffusion models, CLIPs and the upscaler, their data, and evaluation."""
