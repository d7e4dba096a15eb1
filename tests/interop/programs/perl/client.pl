#!/usr/bin/perl
# A SOAP::Lite client that knows only the served WSDL. It makes the calls of a file and prints one JSON line for each.
# client.pl WSDL-URL USER SECRET CALLS.json
use strict;
use warnings;
use utf8;
use JSON::PP;
use LWP::UserAgent;
use SOAP::Lite;

my ($wsdl, $user, $secret, $calls) = @ARGV;
my $json = JSON::PP->new->utf8->canonical;
my $juki = 'urn:chiikibus:standard:1.0:juki';
my $given;    # the credential of the call under way

sub SOAP::Transport::HTTP::Client::get_basic_credentials { return ($user, $given) }

# SOAP::Lite reads the WSDL only for addresses and SOAPActions, knows nothing of the schema and cannot follow its
# imports. So the elements are named and put into their order here, and guessing of types is switched off: a name with
# kanji would become xsi:type="xsd:base64Binary", a number xsi:type="xsd:int".
# Several records of the schema share names: the order is that of the resident's.
my $schema = fetch(($wsdl =~ s/\?wsdl$//r) . '?xsd=juki.xsd');
my ($resident) = $schema =~ m{<xs:complexType name="jumin">(.*?)</xs:complexType>}s;
my @order = map { /<xs:element name="(\w+)"/ ? $1 : () } split /\n/, "$resident\n$schema";
my $port = SOAP::Schema->new(schema_url => $wsdl)->parse->services->{juki};

sub fetch {
    my $answer = LWP::UserAgent->new->get(shift);
    die $answer->status_line unless $answer->is_success;
    return $answer->decoded_content;
}

sub elements {
    my ($record) = @_;
    my (%seen, @items);
    for my $name (grep { !$seen{$_}++ } @order) {
        next unless defined $record->{$name};
        push @items, SOAP::Data->name("t:$name")->value(text($record->{$name}))->type('');
    }
    return @items;
}

# A value without a type is written as it is, "&" and "<" included.
sub text { return SOAP::Utils::encode_data($_[0]) }

sub address { return $port->{ $_[0] }{endpoint}->value }

sub ask {
    my ($operation, @items) = @_;
    my $soap = SOAP::Lite->proxy(address($operation))->autotype(0)->encoding('utf-8');
    $soap->on_action(sub { '"' . $port->{$operation}{soapaction}->value . '"' })->on_fault(sub { return $_[1] });
    $soap->ns($juki, 't')->serializer->encodingStyle('');
    $soap->envprefix('soap');
    my $answer = $soap->call(SOAP::Data->name("t:$operation"), @items);
    return ref $answer ? $answer : $soap->transport->status;
}

sub fault {
    my ($answer) = @_;
    my %said = (faultcode => $answer->faultcode, faultstring => $answer->faultstring);
    my $shogai = $answer->faultdetail ? $answer->faultdetail->{shogai} : undef;
    return \%said unless $shogai;
    return {
        %said,
        kodo      => $shogai->{kodo},
        bunmen_ja => $shogai->{bunmen_ja},
        shiteki   => [ map { { kodo => $_->{kodo}, komoku => $_->{komoku} // '' } } $answer->valueof('//shiteki') ],
    };
}

open my $file, '<', $calls or die "$calls: $!";
my %read;
for my $call (@{ $json->decode(do { local $/; <$file> })->{calls} }) {
    $given = $call->{credential} // $secret;
    my %said = (call => $call->{id});
    my @items =
        $call->{resident_of}
        ? SOAP::Data->name('t:jumin')->value(\SOAP::Data->value(elements($read{ $call->{resident_of} })))
        : elements($call->{arguments});
    my $answer = ask($call->{operation}, @items);
    if (!ref $answer) {
        # The text of the 401 is no XML; SOAP::Lite reports that, and not the status, as the error.
        $said{refused} = $answer;
    } elsif ($answer->fault) {
        $said{fault} = fault($answer);
    } elsif ($call->{resident_of}) {
        $said{receipt} = $answer->valueof("//$call->{operation}_uketsuke");
    } else {
        $said{jumin} = [ $answer->valueof('//jumin') ];
        $read{ $call->{id} } = $said{jumin}[0];
    }
    print $json->encode(\%said), "\n";
}
