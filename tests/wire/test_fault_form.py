"""What a provider may answer as a fault: the form of SOAP 1.1 and of the basic profile, and nothing else."""

from __future__ import annotations

import pytest

from bus.core.errors import WireError
from bus.wire import envelope, safe_xml
from bus.wire.envelope import SOAP
from bus.wire.fault import fault_bytes
from bus.wire.fault_form import problems

CODE = "<faultcode>s:Server</faultcode>"
TEXT = "<faultstring>no</faultstring>"

GOOD = {
    "code and text": CODE + TEXT,
    "a language": CODE + "<faultstring xml:lang='ja'>不可</faultstring>",
    "an empty text": CODE + "<faultstring/>",
    "an actor": CODE + TEXT + "<faultactor>http://a.example/</faultactor>",
    "an empty detail": CODE + TEXT + "<detail/>",
    "a detail of anything": CODE + TEXT + "<detail a='1' x:b='2'><x:a/><b/>text<x:a/></detail>",
    "white space around the code": "<faultcode>\n s:Client \n</faultcode>" + TEXT,
    "a code with a dot": "<faultcode>s:Client.Authentication</faultcode>" + TEXT,
    "a code of another namespace": "<faultcode>x:Busy</faultcode>" + TEXT,
    "a prefix of its own": "<faultcode xmlns:t='urn:t'>t:Busy</faultcode>" + TEXT,
    "a code without namespace": "<faultcode>E123</faultcode>" + TEXT,
    "a Japanese code": "<faultcode>x:障害</faultcode>" + TEXT,
}
BAD = {
    "nothing": "",
    "no code": TEXT,
    "no text": CODE,
    "an empty code": "<faultcode/>" + TEXT,
    "a code with a space": "<faultcode>s:Server error</faultcode>" + TEXT,
    "a number": "<faultcode>500</faultcode>" + TEXT,
    "an undeclared prefix": "<faultcode>soap:Server</faultcode>" + TEXT,
    "a code that SOAP does not have": "<faultcode>s:Sender</faultcode>" + TEXT,
    "a code in another case": "<faultcode>s:server</faultcode>" + TEXT,
    "two colons": "<faultcode>s:Server:x</faultcode>" + TEXT,
    "qualified children": "<s:faultcode>s:Server</s:faultcode><s:faultstring>no</s:faultstring>",
    "the children of SOAP 1.2": "<s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason/>",
    "a foreign child": CODE + TEXT + "<x:more/>",
    "an unknown child": CODE + TEXT + "<faultdetail/>",
    "another order": TEXT + CODE,
    "the detail before the actor": CODE + TEXT + "<detail/><faultactor>urn:a</faultactor>",
    "two codes": CODE + CODE + TEXT,
    "two details": CODE + TEXT + "<detail/><detail/>",
    "an element in the code": "<faultcode><x:a/>s:Server</faultcode>" + TEXT,
    "markup in the text": CODE + "<faultstring>a <b>b</b></faultstring>",
}


def fault(children: str) -> bytes:
    """A message with a fault of these children."""
    start = f"<s:Envelope xmlns:s='{SOAP}' xmlns:x='urn:x'><s:Body><s:Fault>"
    return f"{start}{children}</s:Fault></s:Body></s:Envelope>".encode()


@pytest.mark.parametrize("name", GOOD)
def test_a_fault_of_the_right_form_is_let_through(name: str) -> None:
    """Also where the profile would rather have it otherwise (R1004, R1031)."""
    read = envelope.read(safe_xml.parse(fault(GOOD[name])))
    assert read.is_fault
    assert problems(read.body) == ()


@pytest.mark.parametrize("name", BAD)
def test_a_fault_of_another_form_is_told_with_what_is_wrong(name: str) -> None:
    """R1000, R1001, and the children that SOAP 1.1 asks for."""
    found = problems(envelope.read(safe_xml.parse(fault(BAD[name]))).body)
    assert found
    assert {finding.code for finding in found} == {"CB1017"}
    assert all(finding.path.startswith("Fault/") for finding in found)


def test_our_own_faults_have_the_form() -> None:
    """What is asked of others is kept."""
    assert problems(envelope.read(safe_xml.parse(fault_bytes(WireError("CB1004"), record_id="0" * 32))).body) == ()
