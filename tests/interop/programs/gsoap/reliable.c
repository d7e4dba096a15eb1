// A gSOAP source of WS-ReliableMessaging with the stack's own plugin (wsrmapi): notices in one sequence, sent again
// until all are acknowledged, then closed and terminated. It prints one line for each step.
// reliable ENDPOINT-URL BASIC-CREDENTIAL COUNT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "soapH.h"
#include "juki.nsmap"
#include "plugin/wsrmapi.h"

static const char *credential;
static int (*write_header)(struct soap *, const char *, const char *);

// gSOAP forgets userid and passwd after every message, and what the plugin sends by itself has none.
static int with_credential(struct soap *soap, const char *key, const char *value) {
    if (key && !strcmp(key, "Content-Type")) write_header(soap, "Authorization", credential);
    return write_header(soap, key, value);
}

static void say(struct soap *soap, const char *what, int number) {
    printf("%s %d error %d\n", what, number, soap->error);
    fflush(stdout);
    if (soap->error) soap_print_fault(soap, stderr);
}

static int notice(struct soap *soap, soap_wsrm_sequence_handle seq, int number) {
    static const char *action = "urn:chiikibus:standard:1.0:juki/ido_tsuchi";
    char person[16];
    struct j__juminrec record;
    struct _j__ido_USCOREtsuchi told;
    struct _j__ido_USCOREtsuchi_USCOREuketsuke receipt;
    memset(&record, 0, sizeof record);
    snprintf(person, sizeof person, "%015d", number);
    record.shikuchosonkodo = "990019", record.atenabango = person, record.rirekibango = "1";
    record.saishinfuragu = "1", record.setaibango = person, record.juminshubetsu = "1", record.juminjotai = "1";
    record.ido_USCOREnengappi = "2026-01-01", record.ido_USCOREjiyu = "01", record.ido_USCOREkubun = "1";
    record.shimei = "架空　花子", record.seibetsu = "2", record.seinengappi = "1990-04-01";
    record.jusho_USCOREshikuchosonkodo = "990019", record.jusho_USCOREchoazakodo = "0001001";
    record.jusho_USCOREtodofuken = "架空県", record.jusho_USCOREshikugunchosonmei = "地域市";
    record.jusho_USCOREchoaza = "架空町一丁目", record.jumintonattanengappi = "2026-01-01";
    told.jumin = &record;
    if (soap_wsrm_request_acks(soap, seq, soap_wsa_rand_uuid(soap), action)) return soap->error;
    return soap_call___j__ido_USCOREtsuchi(soap, soap_wsrm_to(seq), action, &told, &receipt);
}

int main(int count, char **argv) {
    struct soap *soap = soap_new1(SOAP_C_UTFSTRING);
    soap_wsrm_sequence_handle seq;
    const int wanted = atoi(argv[3]);
    (void)count;
    credential = argv[2];
    soap->connect_timeout = soap->send_timeout = soap->recv_timeout = 5;
    soap_register_plugin(soap, soap_wsa);
    soap_register_plugin(soap, soap_wsrm);
    write_header = soap->fposthdr, soap->fposthdr = with_credential;
    if (soap_wsrm_create(soap, argv[1], NULL, 3600000, soap_wsa_rand_uuid(soap), &seq)) {
        soap_print_fault(soap, stderr);
        return 1;
    }
    say(soap, "created", 0);
    for (int number = 1; number <= wanted; number++) {
        getchar();  // one byte of standard input lets one message go
        notice(soap, seq, number);
        say(soap, "sent", number);
    }
    // soap_wsrm_nack counts what a destination named by Nack; soap_wsrm_resend goes by what is not acknowledged.
    for (int again = 1; again <= 3; again++) {
        soap_wsrm_resend(soap, seq, 0, 0);
        say(soap, "resent", again);
    }
    soap_wsrm_close(soap, seq, soap_wsa_rand_uuid(soap));
    say(soap, "closed", 0);
    soap_wsrm_terminate(soap, seq, soap_wsa_rand_uuid(soap));
    printf("terminated error %d\n", soap->error);
    if (soap->error) soap_print_fault(soap, stderr);
    soap_wsrm_seq_free(soap, seq);
    soap_destroy(soap), soap_end(soap), soap_free(soap);
    return 0;
}
