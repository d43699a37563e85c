"""The few exceptions that a user can act on. Each message says what is wrong and what to do, in one line."""


class LikenessError(Exception):
    """Base of everything a user can fix; the command line prints it as one line and exits with 2."""


class InputError(LikenessError):
    """A file, a folder, a number or an option given by the user cannot be used."""


class NoFaceError(InputError):
    """No usable face was found where one is needed."""


class MotionFileError(InputError):
    """A motion file is damaged, too new, or belongs to another head model."""


class OutputError(LikenessError):
    """The result cannot be written where it was asked for."""
