"""The Merkle tree of RFC 6962 §2.1 over stored tiles (C2SP tlog-tiles, height 8). Pure: bytes in, bytes out.

A tile of level L and number N holds the hashes of the complete subtrees of height 8·L, from N·256 on. The last tile of a
level may be partial. Everything else (root, inclusion, consistency) is derived from tiles.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

HASH_BYTES = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = sha256(b"").digest()

Place = tuple[int, int]
"""(level, number) of a tile."""

Tiles = dict[Place, bytes]
"""The tiles' hashes, one after another."""

NodeAt = Callable[[int, int], bytes]
"""(height, index) → hash of the complete subtree of that height at that place."""


def leaf_hash(entry: bytes) -> bytes:
    """MTH({d}) = SHA-256(0x00 || d), RFC 6962 §2.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 §2.1."""
    return sha256(b"\x01" + left + right).digest()


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree; the number of hashes is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def split(tile: bytes) -> list[bytes]:
    return [tile[i : i + HASH_BYTES] for i in range(0, len(tile), HASH_BYTES)]


def edge(size: int) -> list[Place]:
    """The partial tiles on the right edge of a tree of `size` leaves, lowest level first."""
    places, level = [], 0
    while size >> (TILE_HEIGHT * level):
        count = size >> (TILE_HEIGHT * level)
        if count % TILE_WIDTH:
            places.append((level, count // TILE_WIDTH))
        level += 1
    return places


def extend(size: int, tiles: Tiles, leaves: Sequence[bytes]) -> Tiles:
    """The tiles that change when `leaves` (leaf hashes) follow `size` earlier ones; `tiles` holds the right edge."""
    changed: Tiles = {}
    level, fresh, count = 0, list(leaves), size
    while fresh:
        finished: list[bytes] = []
        start = 0
        while start < len(fresh):
            place, offset = (level, count // TILE_WIDTH), count % TILE_WIDTH
            piece = fresh[start : start + TILE_WIDTH - offset]
            changed[place] = (tiles[place] if offset else b"") + b"".join(piece)
            start, count = start + len(piece), count + len(piece)
            if count % TILE_WIDTH == 0:
                finished.append(subtree_root(split(changed[place])))
        level, fresh, count = level + 1, finished, size >> (TILE_HEIGHT * (level + 1))
    return changed


def grow(size: int, frontier: Sequence[bytes], leaves: Sequence[bytes]) -> list[bytes]:
    """The compact range after `leaves` (leaf hashes) follow: the roots of the complete subtrees, largest first."""
    nodes = list(frontier)
    for leaf in leaves:
        node, left = leaf, size
        while left & 1:
            node = sha256(b"\x01" + nodes.pop() + node).digest()  # node_hash, without the call
            left >>= 1
        nodes.append(node)
        size += 1
    return nodes


def root_of(frontier: Sequence[bytes]) -> bytes:
    """The tree head MTH(D[n]) of RFC 6962 §2.1 from the compact range of its n leaves."""
    if not frontier:
        return EMPTY_ROOT
    head = frontier[-1]
    for node in reversed(frontier[:-1]):
        head = node_hash(node, head)
    return head


def node_reader(tiles: Tiles) -> NodeAt:
    """Nodes of any height, computed from the tile that covers them. Raises KeyError for a tile that is not there."""

    def node_at(height: int, index: int) -> bytes:
        level, above = divmod(height, TILE_HEIGHT)
        first = index << above
        number, offset = divmod(first, TILE_WIDTH)
        tile = tiles[(level, number)]
        return subtree_root(split(tile[offset * HASH_BYTES : (offset + (1 << above)) * HASH_BYTES]))

    return node_at


def spine(size: int) -> list[tuple[int, int]]:
    """(height, index) of the complete subtrees that make up a tree of `size` leaves, largest first."""
    parts, start = [], 0
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            parts.append((height, start >> height))
            start += 1 << height
    return parts


def range_root(start: int, end: int, node_at: NodeAt) -> bytes:
    """MTH of the leaves start…end-1, where start is a border of the tree's own division."""
    width = end - start
    if width & (width - 1) == 0 and start % width == 0:
        return node_at(width.bit_length() - 1, start // width)
    middle = start + (1 << ((width - 1).bit_length() - 1))
    return node_hash(range_root(start, middle, node_at), range_root(middle, end, node_at))


def inclusion_places(index: int, start: int, end: int) -> list[tuple[int, int]]:
    """The ranges whose roots form PATH(index, D[start:end]), RFC 6962 §2.1.1, nearest first."""
    if end - start == 1:
        return []
    middle = start + (1 << ((end - start - 1).bit_length() - 1))
    if index < middle:
        return [*inclusion_places(index, start, middle), (middle, end)]
    return [*inclusion_places(index, middle, end), (start, middle)]


def inclusion_proof(index: int, size: int, node_at: NodeAt) -> list[bytes]:
    """PATH(index, D[size]). Raises ValueError for a leaf that is not in the tree."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return [range_root(start, end, node_at) for start, end in inclusion_places(index, 0, size)]


def consistency_places(old: int, start: int, end: int, is_whole: bool) -> list[tuple[int, int]]:
    """The ranges whose roots form SUBPROOF(old, D[start:end], is_whole), RFC 6962 §2.1.2."""
    if old == end:
        return [] if is_whole else [(start, end)]
    middle = start + (1 << ((end - start - 1).bit_length() - 1))
    if old <= middle:
        return [*consistency_places(old, start, middle, is_whole), (middle, end)]
    return [*consistency_places(old, middle, end, False), (start, middle)]


def consistency_proof(old: int, size: int, node_at: NodeAt) -> list[bytes]:
    """PROOF(old, D[size]). Raises ValueError unless 0 < old <= size."""
    if not 0 < old <= size:
        raise ValueError(f"no proof leads from {old} leaves to {size}")
    return [range_root(start, end, node_at) for start, end in consistency_places(old, 0, size, True)]


def tiles_of_proof(places: Sequence[tuple[int, int]]) -> set[Place]:
    """The tiles that `range_root` reads for the given leaf ranges."""
    needed: set[Place] = set()
    for start, end in places:
        for height, index in _complete_parts(start, end):
            level, above = divmod(height, TILE_HEIGHT)
            needed.add((level, (index << above) // TILE_WIDTH))
    return needed


def _complete_parts(start: int, end: int) -> list[tuple[int, int]]:
    return [(height, (start >> height) + index) for height, index in spine(end - start)]
