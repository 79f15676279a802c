"""What came of each image: kept on the disk, and in memory until it is followed."""

from functools import partial

from voidlab.live.index import Entry, Index
from voidlab.live.look import Looked
from voidlab.live.problems import Problems
from voidlab.run.frame_cache import FrameCache
from voidlab.segment.frame import FrameResult

_AT_HAND = 50  # results of images that are not followed yet, in memory


class Results:
    """What came of the images in ``index``; where it cannot be kept, ``problems`` says so."""

    def __init__(self, index: Index, problems: Problems) -> None:
        self._index, self._problems = index, problems
        self._caches: dict[str, FrameCache] = {}  # by what images are segmented with, the latest last
        self._at_hand: dict[str, FrameResult] = {}  # by what was segmented

    def keep_in(self, cache: FrameCache) -> None:
        """What is segmented from now on is kept in ``cache``."""
        self._caches.pop(cache.decided.key, None)
        self._caches[cache.decided.key] = cache

    def of(self, entry: Entry) -> FrameResult | None:
        """What came of an image; None where it is not kept."""
        return self._at_hand.get(entry.mask) or self._kept(entry)

    def take(self, made: Looked) -> None:
        """Take in what came of an image, which may be kept already."""
        if made.unkept:
            self._problems["keep"] = (
                f"what comes of images cannot be kept: {made.unkept}. A run makes it anew."
            )
        else:
            self._problems.pop("keep", None)
            if made.entry != self._index.entries.get(made.entry.name):
                self._problems.write("index", partial(self._index.add, made.entry))
        self._at_hand[made.entry.mask] = made.result
        while len(self._at_hand) > _AT_HAND:
            del self._at_hand[next(iter(self._at_hand))]

    def let_go(self, entry: Entry) -> None:
        """It is followed by now: the disk has it, where it is needed once more."""
        self._at_hand.pop(entry.mask, None)

    def rename(self, before: str, entry: Entry | None) -> None:
        """The file ``before`` has another name now, under which it may be no image any more."""
        self._problems.write("index", partial(self._index.forget, [before]))
        if entry is not None:
            self._problems.write("index", partial(self._index.add, entry))

    def move(self, before: Entry, now: Entry) -> bool:
        """Keep under another frame number what came of an image; give whether anything was known."""
        found = self.of(before)
        if found is None:
            return False
        self._problems.write("keep", lambda: self._cache(now.key).put(now.frame, now.image, found))
        self._problems.write("index", partial(self._index.add, now))
        return True

    def _kept(self, entry: Entry) -> FrameResult | None:
        return self._cache(entry.key).get(entry.frame, entry.image) if self._caches else None

    def _cache(self, key: str) -> FrameCache:
        """Where images lie that were segmented with another threshold, too."""
        return self._caches.get(key) or [*self._caches.values()][-1]
