// A plain gSOAP client generated from the served WSDL: asks for a resident, then sends that resident as a notice.
// client URL USER SECRET ATENABANGO KIJUNBI
#include <cstdio>
#include <iostream>
#include <string>

#include "juki_USCOREsoap.nsmap"
#include "soapjuki_USCOREsoapProxy.h"

static int report_fault(juki_USCOREsoapProxy &bus) {
    soap_set_fault(bus.soap);
    const char **text = soap_faultstring(bus.soap);
    std::cout << "fault=" << (text && *text ? *text : "") << "\n";
    SOAP_ENV__Detail *detail = bus.soap->fault ? bus.soap->fault->detail : nullptr;
    if (!detail || !detail->ns2__shogai) return 1;
    std::cout << "kodo=" << detail->ns2__shogai->kodo << "\n";
    for (const auto &one : detail->ns2__shogai->shiteki)
        std::cout << "shiteki=" << one.kodo << " " << (one.komoku ? *one.komoku : "") << "\n";
    return 0;
}

int main(int, char **argv) {
    juki_USCOREsoapProxy bus(SOAP_C_UTFSTRING | SOAP_IO_KEEPALIVE | SOAP_XML_STRICT);
    bus.soap_endpoint = argv[1];
    auto identify = [&] { bus.soap->userid = argv[2], bus.soap->passwd = argv[3]; };

    _ns1__jumin_USCOREshokai question;
    question.atenabango = argv[4];
    question.kijunbi = argv[5];
    _ns1__jumin_USCOREshokai_USCOREkaito answer;
    identify();
    if (bus.jumin_USCOREshokai(&question, answer) != SOAP_OK) return report_fault(bus);
    if (!answer.jumin) {
        std::cout << "none\n";
        return 0;
    }
    std::cout << "atenabango=" << answer.jumin->atenabango << "\nshimei=" << answer.jumin->shimei << "\n";
    if (answer.jumin->biko) std::cout << "biko=" << *answer.jumin->biko << "\n";

    _ns1__ido_USCOREtsuchi notice;
    notice.jumin = answer.jumin;
    ns2__uketsuke receipt;
    identify();
    if (bus.ido_USCOREtsuchi(&notice, receipt) != SOAP_OK) return report_fault(bus);
    std::cout << "uketsukebango=" << receipt.uketsukebango << "\n";
    return 0;
}
