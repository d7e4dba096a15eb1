// A gSOAP provider behind the bus, generated from the served WSDL. Everything it needs stands in the environment:
// INTEROP_PORT, INTEROP_SECRET, INTEROP_RESIDENTS (an answer with all residents), INTEROP_CASES, INTEROP_NOTICES.
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "juki_USCOREsoap.nsmap"
#include "soapjuki_USCOREsoapService.h"

// Without SOAP_C_UTFSTRING a std::string holds Latin-1: of every other character only the low byte is kept.
static const soap_mode strings = std::getenv("INTEROP_DEFAULTS") ? SOAP_IO_DEFAULT : SOAP_C_UTFSTRING;
static nlohmann::json cases;
static std::map<std::string, ns1__jumin *> residents;
static std::string message_id;
static int (*parse_header)(soap *, const char *, const char *);

// gSOAP passes a field of HTTP on only to who asks before the message is read.
static int remember_message_id(soap *context, const char *name, const char *value) {
    if (!soap_tag_cmp(name, "Chiikibus-Message-Id")) message_id = value;
    return parse_header(context, name, value);
}

using Service = juki_USCOREsoapService;

static bool known(const soap *context) {
    return context->userid && context->passwd && !std::strcmp(context->userid, "chiikibus") &&
           !std::strcmp(context->passwd, std::getenv("INTEROP_SECRET"));
}

static bool refused(soap *context, const std::string &number) {
    const std::string text = cases["vendor_fault"]["faultstring"];
    return number == cases["vendor_fault"]["atenabango"] &&
           soap_receiver_fault(context, soap_strdup(context, text.c_str()), nullptr);
}

int Service::jumin_USCOREshokai(_ns1__jumin_USCOREshokai *question, _ns1__jumin_USCOREshokai_USCOREkaito &answer) {
    if (!known(soap)) return 401;
    if (refused(soap, question->atenabango)) return soap->error;
    if (question->atenabango == cases["crash"]) return SOAP_FATAL_ERROR;
    answer.jumin = residents.count(question->atenabango) ? residents[question->atenabango] : nullptr;
    return SOAP_OK;
}

int Service::setai_USCOREshokai(_ns1__setai_USCOREshokai *question, _ns1__setai_USCOREshokai_USCOREkaito &answer) {
    if (!known(soap)) return 401;
    const std::string number = question->setaibango ? *question->setaibango : "";
    if (cases["households"].contains(number))
        for (const std::string each : cases["households"][number]) answer.jumin.push_back(residents[each]);
    return SOAP_OK;
}

int Service::ido_USCOREtsuchi(_ns1__ido_USCOREtsuchi *notice, ns2__uketsuke &receipt) {
    if (!known(soap)) return 401;
    if (refused(soap, notice->jumin->atenabango)) return soap->error;
    std::ostringstream written;
    ::soap *context = soap_new1(strings | SOAP_XML_DEFAULTNS);
    soap_set_namespaces(context, namespaces);
    context->os = &written;
    soap_write_ns1__jumin(context, notice->jumin);
    soap_end(context), soap_free(context);
    std::ofstream(std::getenv("INTEROP_NOTICES"), std::ios::app)
        << nlohmann::json({{"xml", written.str()}}).dump() << "\n";
    char now[32];
    const std::time_t seconds = std::time(nullptr);
    std::strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&seconds));
    receipt.messageid = message_id, receipt.uketsukebango = "gsoap-1", receipt.uketsuke_USCOREnichiji = now;
    return SOAP_OK;
}

int Service::ikkatsu_USCOREirai(_ns1__ikkatsu_USCOREirai *, _ns1__ikkatsu_USCOREirai_USCOREkaito &) {
    return SOAP_NO_METHOD;
}
int Service::shiensochi_USCOREtsuchi(_ns1__shiensochi_USCOREtsuchi *, ns2__uketsuke &) { return SOAP_NO_METHOD; }
int Service::fuhyo_USCOREtsuchi(_ns1__fuhyo_USCOREtsuchi *, ns2__uketsuke &) { return SOAP_NO_METHOD; }
int Service::ikkatsu_USCOREsoshin(_ns1__ikkatsu_USCOREsoshin *, ns2__uketsuke &) { return SOAP_NO_METHOD; }
int Service::ikkatsu_USCOREkakunin(_ns1__ikkatsu_USCOREkakunin *, ns2__uketsuke &) { return SOAP_NO_METHOD; }

int main() {
    std::ifstream(std::getenv("INTEROP_CASES")) >> cases;
    Service provider(strings);
    parse_header = provider.soap->fparsehdr;
    provider.soap->fparsehdr = remember_message_id;
    std::ifstream file(std::getenv("INTEROP_RESIDENTS"));
    _ns1__setai_USCOREshokai_USCOREkaito all;
    soap *reader = soap_new1(strings);
    soap_set_namespaces(reader, namespaces);
    reader->is = &file;
    if (soap_read__ns1__setai_USCOREshokai_USCOREkaito(reader, &all) != SOAP_OK) {
        soap_print_fault(reader, stderr);
        return 1;
    }
    for (ns1__jumin *one : all.jumin) residents[one->atenabango] = one;
    provider.soap->bind_flags = SO_REUSEADDR;
    provider.soap->recv_timeout = provider.soap->send_timeout = 10;
    if (!soap_valid_socket(provider.bind("127.0.0.1", std::atoi(std::getenv("INTEROP_PORT")), 100))) return 1;
    // One connection at a time, closed after its answer. The generated run() would end the program at the first caller
    // that hangs up without a request.
    while (soap_valid_socket(provider.accept())) {
        provider.serve();
        provider.destroy();
    }
    return 1;
}
