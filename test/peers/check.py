"""What a scene says when it does not hold."""


class Check(Exception):
    """A scene that did not hold."""


def check(good, *note):
    if not good:
        raise Check(" ".join(map(str, note)))
