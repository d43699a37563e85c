"""FG-Portrait (CVPR 2026): portrait animation by a diffusion model that 3D flow guides. Importing it needs no torch."""
