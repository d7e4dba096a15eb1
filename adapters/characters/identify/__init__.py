"""Identification of gaiji by glyph shape: the optional extra ``chiikibus[identify]`` (numpy, Pillow, fontTools).

A vendor's glyph (TrueType or EUDC font, BDF, PBM, PNG, raw dots) is drawn (`glyph_files`, `raster`), described by the
directions of its edges (`features`), projected to what tells characters apart whatever the typeface (`projection`)
and compared with all 58,862 glyphs of IPAmj Mincho (`gallery`). What comes out are ranked candidates with score,
margin and class (`matching`), kept as signed proposals beside the gaiji register (`proposals`). Nothing here decides:
a person does, or a policy that a person signed off (`policy`), and the decision goes through `decide` as any other.

Only modules of this package import the extra, and only commands that need it import this package.
"""
