"""Evidence that could not be sent, in order, until it can: a bounded ring on flash that a power cut does not break.

One file for each, named by a number that rises; nothing else is written. What was removed just before a power cut
may be there again: the verifier refuses it as a replay, which is as good as delivered.
"""

from . import files


class Spool:
    """The ring in directory, which is made when it is first needed. capacity: how many entries it holds.

    dropped: how many entries were lost since the start, fallen out of the full ring or found damaged. All of it raises
    OSError, and leaves a valid ring.
    """

    def __init__(self, directory, capacity=16):
        self._directory = directory
        self._capacity = capacity
        self.dropped = 0
        numbers = [int(name) for name in files.names(directory) if name.isdigit()]
        self._numbers = [n for n in sorted(numbers) if self._load(n)]

    def __len__(self):
        return len(self._numbers)

    def put(self, octets):
        """Keeps one more; when full, the oldest falls out first, which makes room on a full disk, too."""
        while len(self._numbers) >= self._capacity:
            self.drop()
            self.dropped += 1
        files.make_directory(self._directory)
        number = self._numbers[-1] + 1 if self._numbers else 0
        files.write(self._path(number), files.seal(octets))
        self._numbers.append(number)

    def oldest(self):
        """The octets of the oldest, or None when there is nothing."""
        while self._numbers:
            octets = self._load(self._numbers[0])
            if octets:
                return octets
            self._numbers.pop(0)
        return None

    def drop(self):
        """Removes the oldest: it was delivered. What flash does not let go of is given again at the next start only."""
        files.remove(self._path(self._numbers.pop(0)))

    def _load(self, number):
        octets = files.read(self._path(number))
        octets = octets and files.unseal(octets)
        if not octets:
            files.remove(self._path(number))
            self.dropped += 1
        return octets

    def _path(self, number):
        return self._directory + "/" + str(number)
