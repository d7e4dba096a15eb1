// Attachments by gSOAP: sends a file and writes what came back to another file.
// attach mtom|swa ENDPOINT-URL USER SECRET FILE BACK
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include "soapH.h"
#include "rei.nsmap"

int main(int, char **argv) {
    const bool mtom = std::strcmp(argv[1], "mtom") == 0;
    std::ifstream source(argv[5], std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(source)), std::istreambuf_iterator<char>());
    std::ofstream back(argv[6], std::ios::binary);
    struct soap *context = soap_new1(SOAP_C_UTFSTRING | (mtom ? SOAP_ENC_MTOM : 0));
    soap_set_namespaces(context, namespaces);
    context->userid = argv[3], context->passwd = argv[4];
    struct t__fairu file = {};
    struct _t__irai request = {}, answer = {};
    if (mtom) {
        file.xop__Include.__ptr = (unsigned char *)content.data();
        file.xop__Include.__size = (int)content.size();
        file.xop__Include.type = (char *)"application/octet-stream";
        request.fairu = &file;
    } else {
        soap_set_mime(context, NULL, NULL);
        soap_set_mime_attachment(context, (char *)content.data(), content.size(), SOAP_MIME_BINARY,
                                 "application/octet-stream", "<file-1@gsoap>", NULL, NULL);
    }
    if (soap_call___t__irai(context, argv[2], "", &request, &answer) != SOAP_OK) {
        soap_print_fault(context, stderr);
        return 1;
    }
    if (answer.fairu) back.write((char *)answer.fairu->xop__Include.__ptr, answer.fairu->xop__Include.__size);
    for (struct soap_multipart *part = context->mime.list; part; part = part->next)
        if (part->id && std::strcmp(part->id, "<file-1@gsoap>") == 0) back.write(part->ptr, part->size);
    return 0;
}
