"""The base of the errors that say what was expected, what was found, and what to do."""


class CupelError(Exception):
    """An error that whoever runs a command can put right; any other is a defect of ours."""
