"""What goes wrong at a station: a code for machines, and a sentence that says what to do next."""


class FactoryError(Exception):
    """The station itself cannot work. code: stable (docs/factory.md). str() is the sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Stop(Exception):
    """One unit is not endorsed; the others go on. code: stable (docs/factory.md). str() is the sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
