"""Export3D: an expression-conditioned tri-plane of a portrait, seen by a free camera (ECCV 2024)."""
