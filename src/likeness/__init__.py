"""likeness: one photo in, a moving, exactly editable, freely turnable person out."""

__version__ = "0.1.0"
