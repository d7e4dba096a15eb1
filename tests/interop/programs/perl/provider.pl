#!/usr/bin/perl
# A SOAP::Lite provider behind the bus. Everything it needs stands in the environment: INTEROP_PORT, INTEROP_SECRET,
# INTEROP_WSDL, INTEROP_CASES (what it knows), INTEROP_NOTICES (where it writes what it was told).
use strict;
use warnings;
use utf8;
use HTTP::Daemon;
use JSON::PP;
use LWP::UserAgent;
use MIME::Base64;
use POSIX qw(strftime);
use SOAP::Lite;
use SOAP::Transport::HTTP;

my $json = JSON::PP->new->utf8->canonical;
my $juki = 'urn:chiikibus:standard:1.0:juki';
open my $file, '<', $ENV{INTEROP_CASES} or die "$ENV{INTEROP_CASES}: $!";
our $cases = $json->decode(do { local $/; <$file> });
our $message_id;

# SOAP::Lite as a server knows no WSDL: names and order of the resident's items are read from the schema here.
my $schema = LWP::UserAgent->new->get(($ENV{INTEROP_WSDL} =~ s/\?wsdl$//r) . '?xsd=juki.xsd');
die $schema->status_line unless $schema->is_success;
my ($resident) = $schema->decoded_content =~ m{<xs:complexType name="jumin">(.*?)</xs:complexType>}s;
our @order = map { /<xs:element name="(\w+)"/ ? $1 : () } split /\n/, $resident;

# It would answer <ns:jumin_shokaiResponse> with the encodingStyle of section 5 and guessed types. This serialiser writes
# the element of the contract instead.
package Literal;
our @ISA = ('SOAP::Serializer');

sub envelope {
    my ($self, $kind, $name, @parts) = @_;
    return $self->SUPER::envelope($kind, $name, @parts) unless $kind eq 'response';
    return $self->SUPER::envelope('freeform', @parts);
}

package Juki;
our @ISA = ('SOAP::Server::Parameters');    # the last argument of a method is then the whole message

sub answer {
    my ($operation, @content) = @_;
    return $content[0] if $ENV{INTEROP_DEFAULTS};
    my $element = SOAP::Data->name("t:$operation")->attr({ 'xmlns:t' => $juki });
    return @content ? $element->value(\SOAP::Data->value(@content)) : $element->value('')->type('');
}

sub record {
    my ($record) = @_;
    return $record if $ENV{INTEROP_DEFAULTS};
    my %seen;
    my @items = map { SOAP::Data->name("t:$_")->value(SOAP::Utils::encode_data($record->{$_}))->type('') }
        grep { defined $record->{$_} && !$seen{$_}++ } @order;
    return SOAP::Data->name('t:jumin')->value(\SOAP::Data->value(@items));
}

sub refuse {
    my $fault = $cases->{vendor_fault};
    die SOAP::Fault->faultcode('Server')->faultstring($fault->{faultstring}) if $_[0] eq $fault->{atenabango};
}

sub jumin_shokai {
    my $number = $_[-1]->valueof('//atenabango');
    refuse($number);
    die "a defect\n" if $number eq $cases->{crash};
    return answer('jumin_shokai_kaito', map { record($_) } grep { $_ } $cases->{residents}{$number});
}

sub setai_shokai {
    my $numbers = $cases->{households}{ $_[-1]->valueof('//setaibango') } // [];
    return answer('setai_shokai_kaito', map { record($cases->{residents}{$_}) } @$numbers);
}

sub ido_tsuchi {
    refuse($_[-1]->valueof('//atenabango'));
    open my $notices, '>>', $ENV{INTEROP_NOTICES} or die "$ENV{INTEROP_NOTICES}: $!";
    print $notices $json->encode($_[-1]->valueof('//jumin')), "\n";
    close $notices;
    my %receipt = (
        messageid        => $message_id,
        uketsukebango    => 'perl-1',
        uketsuke_nichiji => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
    );
    my @items = map { SOAP::Data->name("c:$_")->value($receipt{$_})->type('') }
        qw(messageid uketsukebango uketsuke_nichiji);
    return answer('ido_tsuchi_uketsuke', @items);
}

package main;

my $server = SOAP::Transport::HTTP::Server->new->dispatch_with({ $juki => 'Juki' })->on_action(sub { });
unless ($ENV{INTEROP_DEFAULTS}) {
    my $serializer = Literal->new->autotype(0)->envprefix('soap')->encoding('utf-8');
    $serializer->register_ns('urn:chiikibus:standard:1.0:common', 'c');
    $serializer->encodingStyle('');
    $server->serializer($serializer);
}
my $daemon = HTTP::Daemon->new(LocalAddr => '127.0.0.1', LocalPort => $ENV{INTEROP_PORT}, ReuseAddr => 1) or die $!;
my $credential = 'Basic ' . encode_base64("chiikibus:$ENV{INTEROP_SECRET}", '');

# One connection at a time: it is closed after each answer, or the next caller would wait for the one that keeps it.
while (my $connection = $daemon->accept) {
    if (my $request = $connection->get_request) {
        $connection->force_last_request;
        if (($request->header('Authorization') // '') ne $credential) {
            $connection->send_error(401);
        } else {
            $message_id = $request->header('Chiikibus-Message-Id');
            $server->request($request);
            $server->handle;
            $connection->send_response($server->response);
        }
    }
    $connection->close;
}
