"""The face as renderers draw it without learning: the photo's landmarks as a mesh that moves, and what is seen inside
mouth and eyes.
"""
