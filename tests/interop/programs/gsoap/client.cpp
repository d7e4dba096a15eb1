// A gSOAP client generated from the served WSDL. It makes the calls of a file and prints one JSON line for each.
// client ENDPOINT-URL USER SECRET CALLS.json
// SOAP_C_UTFSTRING makes every std::string UTF-8; without it a character beyond Latin-1 cannot be held.
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <nlohmann/json.hpp>

#include "juki_USCOREsoap.nsmap"
#include "soapjuki_USCOREsoapProxy.h"

using json = nlohmann::json;

// The class has 120 typed members and no way to list them: gSOAP writes it again as XML, and names are taken as they are.
static json record_of(ns1__jumin &record) {
    std::ostringstream written;
    soap *context = soap_new2(SOAP_C_UTFSTRING, SOAP_C_UTFSTRING | SOAP_XML_DEFAULTNS);
    soap_set_namespaces(context, namespaces);
    context->os = &written;
    soap_write_ns1__jumin(context, &record);
    soap_end(context), soap_free(context);
    return {{"xml", written.str()}, {"shimei", record.shimei}, {"biko", record.biko ? *record.biko : ""}};
}

static json fault_of(soap *context) {
    soap_set_fault(context);
    const char **code = soap_faultcode(context), **text = soap_faultstring(context);
    json said = {{"faultcode", code && *code ? *code : ""}, {"faultstring", text && *text ? *text : ""}};
    const SOAP_ENV__Detail *detail = context->fault ? context->fault->detail : nullptr;
    if (!detail || !detail->ns2__shogai) return said;
    said["kodo"] = detail->ns2__shogai->kodo;
    said["bunmen_ja"] = detail->ns2__shogai->bunmen_USCOREja;
    said["shiteki"] = json::array();
    for (const auto &one : detail->ns2__shogai->shiteki)
        said["shiteki"].push_back({{"kodo", one.kodo}, {"komoku", one.komoku ? *one.komoku : ""}});
    return said;
}

int main(int, char **argv) {
    std::ifstream file(argv[4]);
    const json cases = json::parse(file);
    std::map<std::string, ns1__jumin *> read;
    juki_USCOREsoapProxy bus(SOAP_C_UTFSTRING | SOAP_IO_KEEPALIVE | SOAP_XML_STRICT);
    bus.soap_endpoint = argv[1];
    for (const auto &call : cases["calls"]) {
        const json arguments = call.value("arguments", json::object());
        auto text = [&](const char *name) { return arguments.value(name, std::string()); };
        auto maybe = [&](const char *name) {
            return arguments.contains(name) ? new std::string(arguments[name]) : nullptr;
        };
        const std::string id = call["id"], operation = call["operation"];
        const std::string secret = call.value("credential", std::string(argv[3]));
        std::vector<ns1__jumin *> records;
        json said = {{"call", id}};
        int result;
        bus.soap->userid = argv[2], bus.soap->passwd = secret.c_str();
        if (operation == "jumin_shokai") {
            _ns1__jumin_USCOREshokai question;
            _ns1__jumin_USCOREshokai_USCOREkaito answer;
            question.atenabango = text("atenabango"), question.kijunbi = text("kijunbi");
            result = bus.jumin_USCOREshokai(&question, answer);
            if (result == SOAP_OK && answer.jumin) records.push_back(answer.jumin);
        } else if (operation == "setai_shokai") {
            _ns1__setai_USCOREshokai question;
            _ns1__setai_USCOREshokai_USCOREkaito answer;
            question.setaibango = maybe("setaibango"), question.kijunbi = text("kijunbi");
            result = bus.setai_USCOREshokai(&question, answer);
            if (result == SOAP_OK) records = answer.jumin;
        } else if (operation == "ido_tsuchi") {
            _ns1__ido_USCOREtsuchi notice;
            ns2__uketsuke receipt;
            notice.jumin = read[call["resident_of"]];
            result = bus.ido_USCOREtsuchi(&notice, receipt);
            said["receipt"] = {{"messageid", receipt.messageid}, {"uketsukebango", receipt.uketsukebango}};
        } else {
            _ns1__ikkatsu_USCOREirai request;
            _ns1__ikkatsu_USCOREirai_USCOREkaito answer;
            request.ikkatsu_USCOREshubetsu = ns2__kodo_USCOREikkatsu_USCOREshubetsu::_1;
            result = bus.ikkatsu_USCOREirai(&request, answer);
        }
        if (result == SOAP_OK) {
            if (operation != "ido_tsuchi") said["jumin"] = json::array();
            for (ns1__jumin *record : records) said["jumin"].push_back(record_of(*record));
            read[id] = records.empty() ? nullptr : records.front();
        } else if (result >= 400 && result < 500) {
            said["status"] = result;
        } else {
            said.erase("receipt");
            said["fault"] = fault_of(bus.soap);
        }
        std::cout << said.dump() << "\n";
    }
}
