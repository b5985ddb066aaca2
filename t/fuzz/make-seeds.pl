#!/usr/bin/env perl
# Writes the fuzzers' seeds into seeds/<target>/ beside this script: one small file of every form
# that the code knows, so that a fuzzer starts from the inside.  The files are checked in; run this
# again after adding one.
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use MIME::Base64 qw(encode_base64);

use lib dirname(__FILE__) . '/../lib';
use NegTest::Pac qw(logon_info upn_dns_info);

# A DER element with its length in the shortest form.
sub der {
    my ($tag, @contents) = @_;
    my $contents = join '', @contents;
    my $len      = length $contents;
    my $octets   = pack('N', $len) =~ s/^\0+//r;
    return pack('C', $tag) . ($len < 0x80 ? pack('C', $len) : pack('C', 0x80 | length $octets) . $octets) . $contents;
}

# An OBJECT IDENTIFIER from its dotted form.
sub oid {
    my ($first, $second, @rest) = split /\./, shift;
    return der(0x06, pack 'w*', 40 * $first + $second, @rest);
}

my $spnego  = oid('1.3.6.1.5.5.2');
my $krb5    = oid('1.2.840.113554.1.2.2');
my $ms_krb5 = oid('1.2.840.48018.1.2.2');
my $ntlm    = oid('1.3.6.1.4.1.311.2.2.10');
my $negoex  = oid('1.3.6.1.4.1.311.2.2.30');
my $iakerb  = oid('1.3.6.1.5.2.5');
my $ntlmssp = "NTLMSSP\0" . pack 'VV', 1, 0xe2088297;

# RFC 4120 section 5.5.1.
sub integer { my ($context, $octets) = @_; return der(0xa0 + $context, der(0x02, $octets)) }

sub encrypted_data {
    my ($context, @kvno) = @_;
    return der(0xa0 + $context, der(0x30, integer(0, "\x12"), @kvno, der(0xa2, der(0x04, 'cipher'))));
}
my $ticket = der(0x61,
    der(0x30, integer(0, "\5"), der(0xa1, der(0x1b, 'R')), der(0xa2, der(0x30, '')), encrypted_data(3, integer(1, "\2"))));
my $ap_req = der(0x6e,
    der(0x30, integer(0, "\5"), integer(1, "\x0e"), der(0xa2, der(0x03, "\0\x20\0\0\0")), der(0xa3, $ticket), encrypted_data(4)));
my $authenticator = der(0x62,
    der(0x30,
        integer(0, "\5"), der(0xa1, der(0x1b, 'EXAMPLE.TEST')),
        der(0xa2, der(0x30, integer(0, "\1"), der(0xa1, der(0x30, der(0x1b, 'alice'))))),
        der(0xa3, der(0x30, integer(0, pack 'n', 0x8003), der(0xa1, der(0x04, "\x10\0\0\0")))),
        integer(4, "\x01\xe2\x40"), der(0xa5, der(0x18, '20240229123456Z')),
        der(0xa6, 'subkey'), integer(7, "\1"), der(0xa8, 'data')));

# RFC 4120 sections 5.2.6, 5.3.
sub authdata { my ($type, $data) = @_; return der(0x30, integer(0, $type < 128 ? chr $type : "\0" . chr $type), der(0xa1, der(0x04, $data))) }
sub if_relevant { return authdata(1, der(0x30, @_)) }
sub enc_ticket_part {
    my ($from, $to) = map { der(0x18, $_) } '20231114221320Z', '20231115221320Z';
    return der(0x63,
        der(0x30,
            der(0xa0, der(0x03, "\0\x40\0\0\0")), der(0xa1, der(0x30, integer(0, "\x12"))), der(0xa2, der(0x1b, 'R')),
            der(0xa3, der(0x30, '')), der(0xa4, der(0x30, '')), der(0xa5, $from), der(0xa6, $from), der(0xa7, $to),
            der(0xaa, der(0x30, @_))));
}

# MS-PAC sections 2.3, 2.7, 2.8: these buffers, alice's name, and two signatures.
sub client_info { return pack('VV', 0xc66d0000, 0x01da1747) . pack('v', 10) . "a\0l\0i\0c\0e\0" }
sub pac {
    my @buffers = (@_, 10 => client_info(), 6 => "\x10\0\0\0" . 's' x 12, 7 => "\x10\0\0\0" . 'k' x 12);
    my ($heads, $data) = ('', '');
    my $count = @buffers / 2;
    while (my ($type, $bytes) = splice @buffers, 0, 2) {
        $heads .= pack 'VVVV', $type, length $bytes, 8 + 16 * $count + length $data, 0;
        $data .= $bytes . "\0" x (-length($bytes) & 7);
    }
    return pack('VV', $count, 0) . $heads . $data;
}

# RFC 2743 section 3.1, RFC 4121 section 4.1, RFC 4178 section 4.2.
sub framed { return der(0x60, @_) }
my $krb5_token = framed($krb5, "\1\0", $ap_req);
sub offer    { my ($mechs, @fields) = @_; return framed($spnego, der(0xa0, der(0x30, der(0xa0, der(0x30, @$mechs)), @fields))) }
sub response { return der(0xa1, der(0x30, @_)) }
sub token    { return der(0xa2, der(0x04, @_)) }
my $mic = der(0xa3, der(0x04, 'mic'));

# MS-NLMP sections 2.2.1.1, 2.2.1.3, 2.2.2.8.
my $version = "\x0a\0\x61\x4a\0\0\0\x0f";
sub ntlm_negotiate { return $ntlmssp . "\0" x 16 . $version }

sub av_pair { my ($id, $value) = @_; return pack('vv', $id, length $value) . $value }

sub ntlm_authenticate {
    my (%value) = @_;
    my ($header, $payload) = ('', '');
    for my $name (qw(lm nt domain user workstation key)) {
        my $bytes = defined $value{$name} ? $value{$name} : '';
        $header .= pack 'vvV', length $bytes, length $bytes, 88 + length $payload;
        $payload .= $bytes;
    }
    return "NTLMSSP\0" . pack('V', 3) . $header . pack('V', 0xe2088297) . $version . "\0" x 16 . $payload;
}
my %ntlm_value = (
    lm => "\0" x 24, domain => "A\0D\0", user => "m\0e\0", workstation => "P\0C\0", key => 'k' x 16,
    nt => 'p' x 16 . "\1\1\0\0\0\0\0\0" . 't' x 8 . 'c' x 8 . "\0\0\0\0"
      . join('', av_pair(2, "A\0D\0"), av_pair(6, "\2\0\0\0"), av_pair(7, 't' x 8), av_pair(9, "H\0"), av_pair(10, 'b' x 16),
        av_pair(0, '')) . "\0\0\0\0");

# src/core/record.c.
sub text { my ($s) = @_; return defined $s ? pack('w', 1 + length $s) . $s : "\0" }

sub record {
    my ($groups, $attributes) = @_;
    return "\4" . pack('q>5', 1, 2, 3, 4, 7) . "\3" . join('', map { text($_) } 'https://a:443 one', 'alice@R', 'alice', 'R', 'Negotiate', undef, 'krb5')
      . "\1" . text('FILE:k HTTP') . pack('q>2', 5, 6) . text('own') . $attributes
      . text('alice') . text(undef) . text('S-1-5-21-1-2-3-1104') . $groups . "\0" . text('has no PAC') . text('/dir') . pack('w', 0600) . pack('q>2', -1, 33) . text(undef) . text('FILE:/dir/x');
}
my $groups = "\3\0" . pack('CC nN V*', 1, 5, 0, 5, 21, 1, 2, 3, 512) . pack('w', 514);

sub keytab { return join '', "\x05\x02", @_ }

sub keytab_record {
    my ($short, %opt) = @_;
    my $record = pack 'n n/a n/a n/a N N C n n/a', 2, qw(EXAMPLE.TEST HTTP www.example.test), 1, 1_700_000_000, $short, 18, 'k' x 32;
    $record .= pack 'N', $opt{kvno} if $opt{kvno};
    return pack 'N/a', $record;
}

my %seeds = (
    record => {
        'nothing-known' => record("\0", "\0"),
        'groups'        => record($groups, "\1"),
        'attributes'    => record("\1", "\3" . text('auth-indicators') . "\2" . text('hardened') . text("\0") . text('other') . "\0"),
    },
    seal => {
        'record'    => "\1idid" . 'twelve bytes' . 'ciphertext' . 'sixteen byte tag',
        'empty'     => "\1idid" . 'twelve bytes' . 'sixteen byte tag',
        'too-short' => "\1idid" . 'twelve bytes' . 'sixteen byte ta',
        'version'   => "\2idid" . 'twelve bytes' . 'sixteen byte tag',
    },
    cookie => {
        'one'   => 'n=1',
        'ours'  => 'a=1; negotiate_0123abcd=x; b=2',
        'host'  => '__Host-negotiate_0123abcd=x, n=2',
        'comma' => 'a=1,n=2; negotiate_0123abcd=x,__Host-b=3; c=4,d',
        'mixed' => " a = \"1\" ;; n = x;b",
    },
    cachecontrol => {
        'shared'  => 'public, max-age=60, S-MaxAge="5"',
        'private' => 'no-cache="Set-Cookie, public", private',
        'open'    => 'private="a, public',
        'empty'   => ' ,, public=x',
    },
    ntlm => {
        'negotiate'    => ntlm_negotiate(),
        'authenticate' => ntlm_authenticate(%ntlm_value),
        'nobody'       => ntlm_authenticate(lm => "\0"),
        'ntlmv1'       => ntlm_authenticate(%ntlm_value, nt => 'n' x 24),
        'challenge'    => "NTLMSSP\0" . pack('V', 2) . "\0" x 36,
    },
    token => {
        'krb5-framed'       => $krb5_token,
        'krb5-framed-ms'    => framed($ms_krb5, "\1\0", $ap_req),
        'krb5-framed-reply' => framed($krb5, "\2\0", der(0x6f, 'reply')),
        'ap-req'            => $ap_req,
        'ap-rep'            => der(0x6f, 'reply'),
        'ntlm'              => $ntlmssp,
        'iakerb'            => framed($iakerb, 'x'),
        'negoex'            => framed($negoex, 'NEGOEXTS'),
        'init-browser'      => offer([$ms_krb5, $krb5, $negoex, $ntlm], token($krb5_token)),
        'init-bare-ap-req'  => offer([$krb5], token($ap_req)),
        'init-no-token'     => offer([$krb5]),
        'init-flags-mic'    => offer([$krb5], der(0xa1, der(0x03, "\1\x40")), token($krb5_token), $mic),
        'init-junk-first'   => offer([$negoex, $krb5], token('junk')),
        'init-ntlm'         => offer([$ntlm], token($ntlmssp)),
        'init-krb5-is-ntlm' => offer([$krb5, $ntlm], token($ntlmssp)),
        'init-iakerb'       => offer([$iakerb]),
        'init-unframed'     => der(0xa0, der(0x30, der(0xa0, der(0x30, $krb5)))),
        'resp-ap-req'       => response(der(0xa0, der(0x0a, "\1")), der(0xa1, $krb5), token($krb5_token), $mic),
        'resp-ap-rep'       => response(token(der(0x6f, 'reply'))),
        'resp-ntlm'         => response(token($ntlmssp)),
        'resp-reject'       => response(der(0xa0, der(0x0a, "\2"))),
        'ntlm-negotiate'         => ntlm_negotiate(),
        'ntlm-authenticate'      => ntlm_authenticate(%ntlm_value),
        'init-ntlm-negotiate'    => offer([ $ntlm, $krb5 ], token(ntlm_negotiate())),
        'resp-ntlm-authenticate' => response(token(ntlm_authenticate(%ntlm_value)), $mic),
        'long-length'       => "\x60\x82\0\x05",
        'indefinite'        => "\x60\x80\0\0",
    },
    apreq => {
        'ap-req'                => $ap_req,
        'authenticator'         => $authenticator,
        'authenticator-padding' => "$authenticator\0\0\0",
        'ticket'                => enc_ticket_part(if_relevant(authdata(128, pac(1 => logon_info())))),
        'ticket-pacs'           => enc_ticket_part(authdata(128, 'a'), if_relevant(authdata(141, ''), if_relevant(authdata(128, 'b')))),
    },
    keytabfile => {
        'key'     => keytab(keytab_record(3)),
        'keys'    => keytab(keytab_record(2), keytab_record(3), keytab_record(0, kvno => 70_000)),
        'removed' => keytab(pack('l> a20', -20, 'gone'), keytab_record(3)),
        'end'     => keytab(keytab_record(3), pack 'N', 0),
        'none'    => keytab(),
        'old'     => "\x05\x01",
    },
    principal => {
        'plain'     => 'alice@EXAMPLE.TEST',
        'service'   => 'HTTP/www.example.test@EXAMPLE.TEST',
        'escaped'   => 'alice\@ad.example.test@AD.EXAMPLE.TEST',
        'backslash' => 'a\\\\@R',
        'two'       => 'a@b@c',
        'no-realm'  => 'alice',
        'end'       => 'alice@R\\',
        'anonymous' => 'WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS',
    },
    # (seeds/pac/samba-* are as Samba 4.17 wrote them)
    pac => {
        'user'       => logon_info(),
        'groups'     => logon_info(groups => [ 513, [ 1200, 16 ], map { 2000 + $_ } 1 .. 20 ]),
        'extra'      => logon_info(extra => [ 'S-1-18-1', [ 'S-1-5-21-7-8-9-1300', 16 ] ]),
        'resource'   => logon_info(resource_domain => 'S-1-5-21-4-5-6', resource => [1400]),
        'everything' => logon_info(
            account => "J\x{f6}rg \x{1f600}", guest => 1, extra => ['S-1-5-21-7-8-9-1300'],
            resource_domain => 'S-1-5-21-4-5-6', resource => [ 1400, 1401 ]
        ),
        'no-user'    => logon_info(user => 0, extra => ['S-1-5-21-7-8-9-1300']),
        'no-domain'  => logon_info(domain => undef),
        'no-flag'    => logon_info(extra => ['S-1-18-1'], flags => 0),
        'authority'  => logon_info(domain => 'S-1-4294967296-21-1'),
        'empty'      => logon_info(account => '', groups => [], empty_array => 1, primary => 0),
        'whole'      => pac(1 => logon_info(), 12 => upn_dns_info(), 17 => 'of another type'),
        'client'     => client_info(),
        'upn'        => upn_dns_info(),
        'upn-sid'    => upn_dns_info(flags => 2, account => 'alice', sid => 'S-1-5-21-1-2-3-1001'),
        'sid'        => 'S-1-5-21-1004336348-1177238915-682003330-512',
        'sid-hex'    => 'S-1-0xffff00000001-1',
    },
    credentials => {
        'negotiate' => 'Negotiate ' . encode_base64($krb5_token, ''),
        'padding-1' => 'Negotiate Zm8=',
        'padding-2' => 'Negotiate Zg==',
        'basic'     => 'Basic YTpi',
        'alone'     => 'Negotiate',
        'digest'    => 'Digest username="a", realm="b"',
        'two'       => 'Negotiate YIIB, Basic YTpi',
        'base64url' => 'Bearer a-._~+/Z09=',
        'spaces'    => " \tNegotiate  YIIB\t",
    },
    userpass => {
        'plain'    => encode_base64('alice:secret', ''),
        'colons'   => encode_base64('alice:se:cr:et', ''),
        'empty'    => encode_base64(':', ''),
        'nul'      => encode_base64("alice:sec\0ret", ''),
        'no-colon' => encode_base64('alice', ''),
    },
);

for my $target (sort keys %seeds) {
    my $dir = dirname(__FILE__) . "/seeds/$target";
    make_path($dir);
    for my $name (sort keys %{ $seeds{$target} }) {
        open my $file, '>:raw', "$dir/$name" or die "$dir/$name: $!\n";
        print {$file} $seeds{$target}{$name};
        close $file or die "$dir/$name: $!\n";
    }
}
