"""The errors that ConvLens raises on purpose: one sentence for the user, and a hint how to go on."""


class ConvLensError(Exception):
    """Something that the user can understand and mend: one sentence, and a hint.

    `message` names what was wanted and what was given; `hint` says what to do next. The page shows
    both as they are, so neither holds a path of this machine; such details belong in the log.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ModelError(ConvLensError):
    """A network that is unknown, cannot be built, or does not fit what was asked of it."""


class WeightsError(ConvLensError):
    """Weights that are missing, damaged, or made for another network."""


class DeviceError(ConvLensError):
    """A device that was asked for and is not there, or ran out of memory."""


class PictureError(ConvLensError):
    """A picture that cannot be read or is of no use to a network."""


class LayerError(ConvLensError):
    """A layer that does not exist, or whose output the method cannot use."""


class TargetError(ConvLensError):
    """A class that the network does not have, or a comparison that makes no sense."""


class ParameterError(ConvLensError):
    """A parameter outside its range."""


class UnsuitableError(ConvLensError):
    """A method that would mean nothing on this network or picture; the message is the reason."""
