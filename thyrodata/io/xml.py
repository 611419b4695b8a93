"""XML from strangers: no document types, no entities, no network."""

from __future__ import annotations

from collections.abc import Collection

from lxml import etree

from thyrodata.errors import CaseError

__all__ = ["Element", "parse_xml", "texts"]

Element = etree._Element  # noqa: SLF001 -- lxml's public type has no public name


def parse_xml(data: bytes, where: str) -> Element:
    """Return the root element of a document.

    Raises:
        CaseError: It is not well formed, is cut, is not in the encoding it claims, or declares a document
            type, which no dataset needs and entity bombs do.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise CaseError(
            f"the XML is not well formed: {error.msg or 'it is empty'}",
            where=f"{where}:{line}",
            hint="the file is cut or damaged: copy it again from the release",
        ) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise CaseError(
            "the XML declares a document type, which is not read",
            where=f"{where}:1",
            hint="no published case file has one: check where the file comes from",
        )
    return root


def texts(element: Element, where: str, *, nested: Collection[str] = ()) -> dict[str, str]:
    """Return the text, verbatim, of each child by its tag.

    Args:
        element: The parent.
        where: The file, as errors name it.
        nested: Tags of children that hold further elements and are read otherwise.

    Raises:
        CaseError: Two children have one tag, or one has children itself and is not named as such.
    """
    found: dict[str, str] = {}
    for child in element:
        if child.tag in nested:
            continue
        if len(child) or child.tag in found:
            what = "holds further elements" if len(child) else "is there twice"
            raise CaseError(
                f"<{child.tag}> in <{element.tag}> {what}",
                where=f"{where}:{child.sourceline}",
                hint="compare the file with the release",
            )
        found[str(child.tag)] = child.text or ""
    return found
