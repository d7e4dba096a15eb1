"""The universal suite that every adapter must pass, in our tests and in a vendor's own.

What it needs of a vendor folder besides the definition is ``samples/samples.toml``::

    [[sample]]
    file = "ido.dat"                  # a vendor file (synthetic data only), read with ...
    layout = "layout/jumin.toml"
    mapping = "mapping/jumin.toml"    # left out: only bytes are compared
    standard = "ido.xml"              # golden: root element, then the expected records of the standard in order
    gaiji = "gaiji.csv"               # the register the file needs, where it needs one

``chiikibus adapter convert FILE --to standard`` writes the golden file's form.
"""
