// One operation with a file in it, for attach.cpp.
#import "import/xop.h"
#import "import/xmime5.h"
//gsoap t schema namespace: urn:rei
//gsoap t schema form: qualified
//gsoap t service name: rei
//gsoap t service style: document
//gsoap t service encoding: literal
struct t__fairu { _xop__Include xop__Include; @char *xmime5__contentType; };
struct _t__irai { struct t__fairu *fairu; };
//gsoap t service method-action: irai ""
int __t__irai(struct _t__irai *t__irai, struct _t__irai *t__irai_);
