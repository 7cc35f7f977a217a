"""uPlot, which draws the page's curves: <https://github.com/leeoniya/uPlot>, MIT licence.

The files are those of the npm package, unchanged. To take another version, run `npm pack uplot`,
copy `dist/uPlot.iife.min.js`, `dist/uPlot.min.css` and `LICENSE` here, and write their SHA-256
below; a test compares them.
"""

VERSION = "1.6.32"
SHA256 = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
