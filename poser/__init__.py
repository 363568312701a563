"""Image-POSER: compose one image from a long prompt by orchestrating many image models."""

__version__ = "0.1.0"
