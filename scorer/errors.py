"""The base of all errors that a user can fix."""


class CupelError(Exception):
    """An error that whoever runs a command can put right; any other is a defect of ours."""
