// One notice in a sequence of WS-ReliableMessaging, for reliable.c: the headers are those of gSOAP's own import/wsrm.h.
#import "import/wsrm.h"
//gsoap j service name: juki
//gsoap j service style: document
//gsoap j service encoding: literal
//gsoap j schema namespace: urn:chiikibus:standard:1.0:juki
//gsoap j schema form: qualified
//gsoap c schema namespace: urn:chiikibus:standard:1.0:common
//gsoap c schema form: qualified
struct j__juminrec {
    char *shikuchosonkodo; char *atenabango;
    char *rirekibango; char *saishinfuragu; char *setaibango;
    char *juminshubetsu; char *juminjotai; char *ido_USCOREnengappi;
    char *ido_USCOREjiyu; char *ido_USCOREkubun; char *shimei;
    char *seibetsu; char *seinengappi; char *jusho_USCOREshikuchosonkodo;
    char *jusho_USCOREchoazakodo; char *jusho_USCOREtodofuken;
    char *jusho_USCOREshikugunchosonmei; char *jusho_USCOREchoaza;
    char *jumintonattanengappi;
};
struct _j__ido_USCOREtsuchi { struct j__juminrec *jumin; };
struct _j__ido_USCOREtsuchi_USCOREuketsuke { char *c__messageid; char *c__uketsukebango; char *c__uketsuke_USCOREnichiji; };
//gsoap j service method-header-part: ido_USCOREtsuchi wsa5__MessageID
//gsoap j service method-header-part: ido_USCOREtsuchi wsa5__RelatesTo
//gsoap j service method-header-part: ido_USCOREtsuchi wsa5__ReplyTo
//gsoap j service method-header-part: ido_USCOREtsuchi wsa5__To
//gsoap j service method-header-part: ido_USCOREtsuchi wsa5__Action
//gsoap j service method-header-part: ido_USCOREtsuchi wsrm__Sequence
//gsoap j service method-header-part: ido_USCOREtsuchi wsrm__AckRequested
//gsoap j service method-header-part: ido_USCOREtsuchi wsrm__SequenceAcknowledgement
//gsoap j service method-action: ido_USCOREtsuchi urn:chiikibus:standard:1.0:juki/ido_tsuchi
int __j__ido_USCOREtsuchi(struct _j__ido_USCOREtsuchi *j__ido_USCOREtsuchi, struct _j__ido_USCOREtsuchi_USCOREuketsuke *j__ido_USCOREtsuchi_USCOREuketsuke);
