# What is no credential never reaches GSSAPI: it is refused by its form, with a
# reason in the log and for an ErrorDocument. And who is offered what.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 qw(decode_base64 encode_base64);
use NegTest;
use NegTest::Ports 'free_port';
use NegTest::Spnego qw(der mech_list neg_token_init neg_token_resp oid KRB5 NTLMSSP SPNEGO UNKNOWN);

use constant {
    REJECT    => 'Negotiate oQcwBaADCgEC',
    BARE      => 'Negotiate',
    PASSWORD  => 'Basic realm="test"',
    IAKERB    => '1.3.6.1.5.2.5',
    NEGOEX    => '1.3.6.1.4.1.311.2.2.30',
    MS_KRB5   => '1.2.840.48018.1.2.2',
    NEG_HINTS => "\xa3\x0e\x30\x0c\xa0\x0a\x1b\x08not_here",
};

my $tls_port = free_port();
my $server   = server(conf => <<'CONF' =~ s/TLS_PORT/$tls_port/gr);
    ScriptAliasMatch "^/[^/]+/env\.pl" "@stage@/cgi-bin/env.pl"
    ErrorDocument 401 /error/env.pl
    ErrorDocument 403 /error/env.pl
    AuthNegotiateKeytab "@keytab@"
    BrowserMatch "^Old" no-negotiate
    <LocationMatch "^/(?:auth|nokey|once|persist|tls)">
        AuthType Negotiate
        AuthName "test"
        Require valid-user
    </LocationMatch>
    # This keytab is gone: whatever gets as far as GSSAPI is a 500 here.
    <Location "/nokey">
        AuthNegotiateKeytab "@stage@/keytab/strict.keytab"
    </Location>
    <LocationMatch "^/once">
        AuthNegotiateOffer once
    </LocationMatch>
    <Location "/once-or-password">
        AuthNegotiateBasicProvider kerberos
        AuthNegotiateRequireTLS Off
    </Location>
    <LocationMatch "^/(?:persist|tls)">
        AuthNegotiatePersist On
    </LocationMatch>
    <Location "/tls">
        AuthNegotiateRequireTLS On
    </Location>
    Listen 127.0.0.1:TLS_PORT
    <VirtualHost 127.0.0.1:TLS_PORT>
        ServerName localhost:TLS_PORT
        SSLEngine On
        SSLCertificateFile "@stage@/tls/server.crt"
        SSLCertificateKeyFile "@stage@/tls/server.key"
    </VirtualHost>
CONF
run([ 'cp', '-p', keytab(), keytab('strict') ]);
$server->start;
unlink keytab('strict');
my $log = $server->log;

sub connection { return http(port => $server->port) }

# On one line or on two.
sub offered { my ($r) = @_; return join ', ', $r->challenges }

# --- the table -------------------------------------------------------------------

my $spnego = initiator('alice')->step;
my $krb5   = initiator('alice', mech => 'krb5')->step;
my $b64    = encode_base64($spnego, '');
my $ap_req = substr $krb5, index($krb5, oid(KRB5)) + length(oid(KRB5)) + 2;
my $mechs  = der(0xa0, mech_list(KRB5));

sub framed { my ($mech, $rest) = @_; return der(0x60, oid($mech) . $rest) }
sub init   { return framed(SPNEGO, der(0xa0, der(0x30, join '', @_))) }
sub ntlm   { my ($type) = @_; return "NTLMSSP\0" . pack('VV', $type, 0x8201) . "\0" x 24 }

# A DER length in a way that DER forbids.
sub with_length {
    my ($bytes, $length) = @_;
    my $head = ord(substr $bytes, 1, 1) & 0x80 ? 2 + (ord(substr $bytes, 1, 1) & 0x7f) : 2;
    return substr($bytes, 0, 1) . $length . substr $bytes, $head;
}
my $body_length = length($spnego) - 4;

# The name, the Authorization lines, the cause; the challenge is a reject when
# the scheme was readable and its credentials were not.
my @lines = (
    # One header, one scheme, one token68.
    [ 'no token',                        'malformed', REJECT, 'Negotiate' ],
    [ 'no token but spaces',             'malformed', REJECT, 'Negotiate   ' ],
    [ 'an empty header',                 'malformed', BARE,   '' ],
    [ 'no scheme',                       'scheme',    BARE,   $b64 =~ tr{+/=}{}dr ],
    [ 'a token with no space',           'scheme',    BARE,   "Negotiate$b64" =~ tr{+/=}{}dr ],
    [ 'a colon after the scheme',        'malformed', BARE,   "Negotiate: $b64" ],
    [ 'an equals sign for the space',    'malformed', BARE,   "Negotiate=$b64" ],
    [ 'a tab for the space',             'malformed', BARE,   "Negotiate\t$b64" ],
    [ 'a tab after the space',           'malformed', BARE,   "Negotiate \t$b64" ],
    [ 'a space in the token',            'malformed', BARE,   'Negotiate ' . substr($b64, 0, 40) . ' ' . substr $b64, 40 ],
    [ 'a tab in the token',              'malformed', BARE,   'Negotiate ' . substr($b64, 0, 40) . "\t" . substr $b64, 40 ],
    [ 'a folded token',                  'malformed', BARE,   'Negotiate ' . substr($b64, 0, 40) . "\r\n " . substr $b64, 40 ],
    [ 'a word after the token',          'malformed', BARE,   "Negotiate $b64 x" ],
    [ 'a parameter after the token',     'malformed', BARE,   "Negotiate $b64; a=b" ],
    [ 'a parameter and a comma',         'duplicate', BARE,   "Negotiate $b64, a=b" ],
    [ 'a parameter alone',               'malformed', BARE,   'Negotiate token="' . $b64 . '"' ],
    [ 'a quoted token',                  'malformed', BARE,   'Negotiate "' . $b64 . '"' ],
    [ 'a byte above ASCII',              'malformed', BARE,   "Negotiate $b64\xff" ],
    [ 'the same twice on a line',        'duplicate', BARE,   "Negotiate $b64, Negotiate $b64" ],
    [ 'an empty element before',         'duplicate', BARE,   ", Negotiate $b64" ],
    [ 'a comma after',                   'duplicate', BARE,   "Negotiate $b64," ],
    [ 'two lines, the same',             'duplicate', BARE,   "Negotiate $b64", "Negotiate $b64" ],
    [ 'two lines, the good one first',   'duplicate', BARE,   "Negotiate $b64", 'Basic YTpi' ],
    [ 'two lines, the good one last',    'duplicate', BARE,   'Basic YTpi', "Negotiate $b64" ],
    [ 'two lines, an empty one first',   'duplicate', BARE,   '', "Negotiate $b64" ],
    [ 'two lines, an empty one last',    'duplicate', BARE,   "Negotiate $b64", '' ],
    # Other schemes.
    [ 'Basic',                           'scheme',    BARE,   'Basic YWxpY2U6YWxpY2U=' ],
    [ 'Bearer',                          'scheme',    BARE,   'Bearer eyJhbGciOiJub25lIn0.e30.' ],
    [ 'Digest',                          'duplicate', BARE,   'Digest username="alice", realm="test"' ],
    [ 'Digest with one parameter',       'malformed', BARE,   'Digest username="alice"' ],
    [ 'Kerberos',                        'scheme',    BARE,   "Kerberos $b64" ],
    [ 'the scheme NTLM',                 'scheme',    BARE,   'NTLM ' . encode_base64(ntlm(1), '') ],
    [ 'Negotiated',                      'scheme',    BARE,   "Negotiated $b64" ],
    [ 'Nego',                            'scheme',    BARE,   "Nego $b64" ],
    [ 'a scheme that is bytes',          'malformed', BARE,   "\xe9 $b64" ],
    [ 'a very long scheme',              'scheme',    BARE,   ('x' x 4000) . " $b64" ],
    # Base64.
    [ 'not base64',                      'malformed', BARE,   'Negotiate !' ],
    [ 'base64url',                       'malformed', REJECT, 'Negotiate ' . substr($b64, 0, 40) . '-_' . substr $b64, 42 ],
    [ 'a dot of token68',                'malformed', REJECT, 'Negotiate ' . substr($b64, 0, 40) . '.~' . substr $b64, 42 ],
    [ 'one character too few',           'malformed', REJECT, 'Negotiate ' . substr $b64, 0, -1 ],
    [ 'one character too many',          'malformed', REJECT, 'Negotiate ' . $b64 =~ s/=*$/A/r ],
    [ 'padding within',                  'malformed', BARE,   'Negotiate YII=' . $b64 ],
    [ 'padding twice',                   'malformed', BARE,   'Negotiate YII==Y==' ],
    [ 'padding, four of it',             'malformed', REJECT, 'Negotiate YIIA====' ],
    [ 'padding alone',                   'malformed', BARE,   'Negotiate ====' ],
    [ 'bits in the padding',             'malformed', REJECT, 'Negotiate YIJ=' ],
    [ 'one character',                   'malformed', REJECT, 'Negotiate Y' ],
);

# Tokens that base64 holds: the scheme is always readable, so a reject.
my @tokens = (
    [ 'text',                              'malformed', 'hello' ],
    [ 'one byte',                          'malformed', "\x60" ],
    [ 'zeros',                             'malformed', "\0" x 100 ],
    [ 'bytes after the end',               'malformed', "$spnego\0" ],
    [ 'a byte missing',                    'malformed', substr $spnego, 0, -1 ],
    [ 'indefinite length',                 'malformed', with_length($spnego, "\x80") . "\0\0" ],
    [ 'a length in too many octets',       'malformed', with_length($spnego, "\x83\0" . pack 'n', $body_length) ],
    [ 'a length of five octets',           'malformed', with_length($spnego, "\x85\0\0\0" . pack 'n', $body_length) ],
    [ 'a length of 127 octets',            'malformed', with_length($spnego, "\xff") ],
    [ 'a length of four gigabytes',        'malformed', with_length($spnego, "\x84\xff\xff\xff\xff") ],
    [ 'a length one too small',            'malformed', with_length($spnego, "\x82" . pack 'n', $body_length - 1) ],
    [ 'a length one too large',            'malformed', with_length($spnego, "\x82" . pack 'n', $body_length + 1) ],
    [ 'an empty frame',                    'malformed', der(0x60, '') ],
    [ 'a frame without an OID',            'malformed', der(0x60, der(0x02, "\1")) ],
    [ 'an empty OID',                      'malformed', der(0x60, der(0x06, '') . $mechs) ],
    [ 'an OID cut short',                  'malformed', der(0x60, der(0x06, "\x2b\x86") . $mechs) ],
    [ 'an OID with leading zeros',         'malformed', der(0x60, der(0x06, "\x2b\x80\x06") . $mechs) ],
    [ 'an OID that claims more',           'malformed', der(0x60, "\x06\x7f\x2b\x06") ],
    [ 'SPNEGO and nothing',                'malformed', framed(SPNEGO, '') ],
    [ 'SPNEGO with a response framed',     'malformed', framed(SPNEGO, neg_token_resp(token => $krb5)) ],
    [ 'NegTokenInit without its frame',    'malformed', der(0xa0, der(0x30, $mechs)) ],
    [ 'NegTokenInit, empty',               'malformed', init() ],
    [ 'no mechanisms',                     'malformed', init(der(0xa0, mech_list())) ],
    [ 'a mechanism that is a number',      'malformed', init(der(0xa0, der(0x30, der(0x02, "\1")))) ],
    [ 'the mechanisms twice',              'malformed', init($mechs, $mechs) ],
    [ 'fields in the wrong order',         'malformed', init(der(0xa2, der(0x04, $krb5)), $mechs) ],
    [ 'a field that nobody knows',         'malformed', init($mechs, der(0xa4, der(0x04, 'x'))) ],
    [ 'a mechToken that is no string',     'malformed', init($mechs, der(0xa2, der(0x30, $krb5))) ],
    [ 'a mechToken and bytes after it',    'malformed', init($mechs, der(0xa2, der(0x04, $krb5) . "\0")) ],
    [ 'bytes after the sequence',          'malformed', framed(SPNEGO, der(0xa0, der(0x30, $mechs) . "\0")) ],
    [ 'bytes after the choice',            'malformed', framed(SPNEGO, der(0xa0, der(0x30, $mechs)) . "\0") ],
    [ 'NegHints, which are a server\'s',   'malformed', init($mechs, NEG_HINTS, NEG_HINTS) ],
    [ 'Kerberos within, junk',             'malformed', neg_token_init(token => 'junk') ],
    [ 'Kerberos within, cut',              'malformed', neg_token_init(token => substr $krb5, 0, -1) ],
    [ 'Kerberos within, one byte more',    'malformed', neg_token_init(token => "$krb5\0") ],
    [ 'SPNEGO within SPNEGO',              'malformed', neg_token_init(token => $spnego) ],
    [ 'IAKERB within Kerberos\' offer',    'malformed', neg_token_init(token => framed(IAKERB, "\5\1")) ],
    [ 'framed NTLM within the offer',      'malformed', neg_token_init(token => framed(NTLMSSP, ntlm(1))) ],
    [ 'a response with an impossible state', 'malformed', neg_token_resp(state => 4) ],
    [ 'a response with a state of two bytes', 'malformed', der(0xa1, der(0x30, der(0xa0, der(0x0a, "\0\1")))) ],
    [ 'a response with bytes after it',    'malformed', neg_token_resp(token => $krb5) . "\0" ],
    [ 'a response with a field more',      'malformed', der(0xa1, der(0x30, der(0xa4, der(0x04, 'x')))) ],
    [ 'an AP-REP, framed',                 'malformed', framed(KRB5, "\2\0" . der(0x6f, 'x')) ],
    [ 'a KRB-ERROR, framed',               'malformed', framed(KRB5, "\3\0" . der(0x7e, 'x')) ],
    [ 'a MIC token, framed',               'malformed', framed(KRB5, "\4\4" . 'x' x 30) ],
    [ 'an AP-REQ, cut',                    'malformed', framed(KRB5, "\1\0" . substr $ap_req, 0, -1) ],
    [ 'an AP-REQ and a byte',              'malformed', framed(KRB5, "\1\0$ap_req\0") ],
    [ 'an AS-REQ where the AP-REQ stands', 'malformed', framed(KRB5, "\1\0" . der(0x6a, 'x')) ],
    [ 'a Kerberos frame without a token',  'malformed', framed(KRB5, '') ],
    [ 'an AS-REQ alone',                   'malformed', der(0x6a, 'x' x 40) ],
    # Mechanisms.
    [ 'NTLM, type 1',                      'ntlm', ntlm(1) ],
    [ 'NTLM, type 3',                      'ntlm', ntlm(3) ],
    [ 'NTLM, the signature alone',         'ntlm', "NTLMSSP\0" ],
    [ 'NTLM offered alone',                'ntlm', neg_token_init(mechs => [NTLMSSP]) ],
    [ 'NTLM within SPNEGO',                'ntlm', neg_token_init(mechs => [NTLMSSP], token => ntlm(1)) ],
    [ 'NTLM behind NegoEx',                'ntlm', neg_token_init(mechs => [ NEGOEX, NTLMSSP ], token => 'NEGOEXTS') ],
    [ 'NTLM where Kerberos is offered',    'ntlm', neg_token_init(mechs => [ KRB5, NTLMSSP ], token => ntlm(1)) ],
    [ 'NTLM in a response',                'ntlm', neg_token_resp(token => ntlm(3)) ],
    [ 'framed NTLM',                       'mechanism', framed(NTLMSSP, ntlm(1)) ],
    [ 'IAKERB',                            'mechanism', framed(IAKERB, "\5\1" . der(0x30, '')) ],
    [ 'IAKERB offered alone',              'mechanism', neg_token_init(mechs => [IAKERB]) ],
    [ 'NegoEx offered alone',              'mechanism', neg_token_init(mechs => [NEGOEX], token => 'NEGOEXTS' . "\0" x 40) ],
    [ 'an unknown mechanism offered',      'mechanism', neg_token_init(mechs => [UNKNOWN]) ],
    [ 'an unknown mechanism, framed',      'mechanism', framed(UNKNOWN, 'token') ],
    [ 'SPNEGO offered by SPNEGO',          'mechanism', neg_token_init(mechs => [SPNEGO]) ],
    # Later legs that nothing began.
    [ 'a response out of nowhere',         'continuation', neg_token_resp(token => $krb5) ],
    [ 'an empty response',                 'continuation', neg_token_resp() ],
    [ 'a response with framed NTLM',       'mechanism', neg_token_resp(token => framed(NTLMSSP, ntlm(1))) ],
    [ 'a response with IAKERB',            'mechanism', neg_token_resp(token => framed(IAKERB, "\5\1")) ],
    [ 'a response with SPNEGO',            'mechanism', neg_token_resp(token => $spnego) ],
    [ 'a client that rejects',             'continuation', decode_base64('oQcwBaADCgEC') ],
    [ 'an AP-REP out of nowhere',          'continuation', der(0x6f, 'x' x 40) ],
);
my @refusals = (@lines, map { [ @$_[ 0, 1 ], REJECT, negotiate($_->[2]) ] } @tokens);

plan tests => 6 * @refusals + 61;

my $gate = connection();
is $gate->get('/nokey/env.pl', Authorization => initiator('alice')->authorization)->status, 500,
  'control: what reaches GSSAPI at this location is a 500';

my $http = connection();
for (@refusals) {
    my ($name, $cause, $challenge, @values) = @$_;
    $log->mark;
    my $r = $http->get('/nokey/env.pl', map { (Authorization => $_) } @values);
    is $r->status, 401, "$name: 401, before GSSAPI" or diag $log->ours(qr/refused/);
    is_deeply [ $r->challenges ], [$challenge], '... one challenge: ' . ($challenge eq BARE ? 'bare' : 'a reject');
    my $env = $r->env;
    is $env->{NEGOTIATE_ERROR}, $cause, "... NEGOTIATE_ERROR is $cause";
    is $env->{REDIRECT_NEGOTIATE_ERROR}, $cause, '... for ErrorDocument too';
    my @said = $log->wait_for(qr/Negotiate refused \(\w+\): /);
    is scalar(grep { /Negotiate refused \(\Q$cause\E\): \S/ } @said), 1, '... the log says so once';
    my $text = $env->{NEGOTIATE_ERROR_TEXT} || 'nothing';
    ok index("@said", $text) >= 0, '... with the same sentence';
}
is $http->get('/auth/env.pl', Authorization => negotiate($spnego))->status, 200,
  'after all that the token still works: it was never used';
is $http->get('/auth/env.pl', Authorization => negotiate($krb5))->status, 200, '... the other too';

# --- what is unusual and allowed ---------------------------------------------------

for (
    [ 'several spaces',       sub { "Negotiate    $_[0]" } ],
    [ 'a tab before',         sub { "\tNegotiate $_[0]" } ],
    [ 'blanks at the end',    sub { "Negotiate $_[0] \t " } ],
    [ 'folded at the space',  sub { "Negotiate\r\n $_[0]" } ],
  )
{
    my ($name, $write) = @$_;
    my $token = encode_base64(initiator('alice')->step, '');
    is $http->get('/auth/env.pl', Authorization => $write->($token))->status, 200, "$name: 200";
}
{
    my $token = initiator('alice', mech => 'krb5')->step;
    is $http->get('/auth/env.pl', Authorization => negotiate(neg_token_init(mechs => [ MS_KRB5, KRB5, NTLMSSP ], token => $token)))
      ->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', 'Windows: its own OID for Kerberos first, and NTLM behind';
    $token = initiator('alice', mech => 'krb5')->step;
    my $r = $http->get('/auth/env.pl', Authorization => negotiate(neg_token_init(mechs => [ NEGOEX, KRB5 ], token => "NEGOEXTS\0")));
    is $r->status, 401, 'NegoEx first, Kerberos behind: another leg';
    isnt $r->challenges, REJECT, '... in which Kerberos is asked for';
}

# --- a context is begun: what may come as its second leg ----------------------------

for (
    [ 'NTLM',        'ntlm',      neg_token_resp(token => ntlm(1)) ],
    [ 'framed NTLM', 'mechanism', neg_token_resp(token => framed(NTLMSSP, ntlm(1))) ],
    [ 'IAKERB',      'mechanism', neg_token_resp(token => framed(IAKERB, "\5\1" . der(0x30, ''))) ],
    [ 'SPNEGO',      'mechanism', neg_token_resp(token => $spnego) ],
    [ 'raw NTLM',    'ntlm',      ntlm(3) ],
  )
{
    my ($name, $cause, $token) = @$_;
    is $http->get('/auth/env.pl', Authorization => negotiate(neg_token_init(mechs => [KRB5])))->status, 401,
      "Kerberos is agreed upon, $name follows";
    my $r = $http->get('/auth/env.pl', Authorization => negotiate($token));
    is $r->env->{NEGOTIATE_ERROR}, $cause, "... refused as $cause";
}

# --- AuthNegotiateOffer once --------------------------------------------------------

{
    my $page = '/once/env.pl';
    my $once = connection();
    is_deeply [ $once->get($page)->challenges ], [BARE], 'Offer once: the first time it is offered';
    my $r = $once->get($page, Authorization => negotiate('junk'));
    is $r->status, 401, '... a failure, and nothing else to offer: 401';
    is_deeply [ $r->challenges ], [REJECT], '... with a reject';
    $r = $once->get($page);
    is $r->status, 401, '... and where nothing else is offered, it is offered again: 401';
    is_deeply [ $r->challenges ], [BARE], '... to a client that may have got a good ticket meanwhile';
    is $once->get($page, Authorization => initiator('alice')->authorization)->status, 200, '... with which it enters';

    $page = '/once-or-password/env.pl';
    $once = connection();
    is offered($once->get($page)), BARE . ', ' . PASSWORD, 'with passwords: both are offered';
    is_deeply [ $once->get($page, Authorization => negotiate('junk'))->challenges ], [PASSWORD], '... after a failure passwords alone';
    is_deeply [ $once->get($page)->challenges ], [PASSWORD], '... for the whole connection';
    is offered(connection()->get($page)), BARE . ', ' . PASSWORD, '... another connection is another client';
    is_deeply [ $once->get('/auth/env.pl')->challenges ], [BARE], '... where Offer is always, it is offered';
    is $once->get($page, Authorization => initiator('alice')->authorization)->status, 200,
      '... who has a token all the same, enters';
    is offered($once->get($page)), BARE . ', ' . PASSWORD, '... and is offered it again';

    # What one client did is none of another's business, where several may come.
    my @proxied = (Via => '1.1 proxy');
    $once = connection();
    $once->get($page, Authorization => negotiate('junk'), @proxied);
    is offered($once->get($page, @proxied)), BARE . ', ' . PASSWORD, '... through a proxy each is offered it';
    $once = connection();
    $once->get($page, Authorization => negotiate('junk'));
    is offered($once->get($page, @proxied)), BARE . ', ' . PASSWORD, '... also when that is seen later';
    $once = connection();
    $once->get($page, Authorization => initiator($_)->authorization) for qw(alice bob);
    $once->get($page, Authorization => negotiate('junk'));
    is offered($once->get($page)), BARE . ', ' . PASSWORD, '... and where two users have been seen';

    $once = connection();
    $once->get($page, Authorization => 'Basic YTpi');
    is offered($once->get($page)), BARE . ', ' . PASSWORD, '... another scheme that fails is not Negotiate';
}

# --- no-negotiate -------------------------------------------------------------------

{
    my @old = ('User-Agent' => 'Old/1.0');
    my $r   = connection()->get('/auth/env.pl', @old);
    is $r->status, 403, 'no-negotiate: nothing to offer, 403';
    is_deeply [ $r->challenges ], [], '... without a challenge';
    is $r->env->{NEGOTIATE_ERROR}, 'no-scheme', '... and a reason';
    is connection()->get('/auth/env.pl', @old, Authorization => initiator('alice')->authorization)->status,
      200, '... a token is welcome';
}

# --- AuthNegotiateRequireTLS --------------------------------------------------------

{
    my $clear = connection();
    my $gss   = initiator('alice');
    my $token = $gss->authorization;
    for ([], [ Authorization => $token ], [ Authorization => 'Negotiate !' ], [ Authorization => 'Basic YTpi' ]) {
        my $r = $clear->get('/tls/env.pl', @$_);
        is $r->status, 403, 'TLS required, in the clear' . (@$_ ? ', ' . substr $_->[1], 0, 12 : '') . ': 403';
        is_deeply [ $r->challenges ], [], '... without any challenge';
        is $r->env->{NEGOTIATE_ERROR}, 'tls', '... and a reason';
    }
    my $tls = http(port => $tls_port, tls => 1, ca_file => stage_dir() . '/tls/ca.crt');
    my $r   = $tls->get('/tls/env.pl', Authorization => $token);
    is $r->status, 200, '... over TLS the same token works: nothing looked at it before';
    ok $gss->finish($r) && $gss->mutual, '... final token';
    is $tls->get('/tls/env.pl')->env->{NEGOTIATE_SOURCE}, 'connection', '... and persists';

    $clear->get('/persist/env.pl', Authorization => initiator('alice')->authorization);
    is $clear->get('/persist/env.pl')->env->{NEGOTIATE_SOURCE}, 'connection', 'an identity that a clear connection keeps';
    is $clear->get('/tls/env.pl')->status, 403, '... does not enter where TLS is required';
}

{
    my $all = NegTest::Log->new($log->file);
    $all->{from} = 0;
    my $secret = 'a1b2c3d4' x 4;
    connection()->get('/persist/env.pl', Authorization => $_) for $secret, "$secret x";
    is scalar(grep { /\Q$secret\E/ } $all->text), 0, 'a secret without a scheme is not shown';
    is_deeply [ $all->crashes ], [], 'nobody died';
    is scalar(grep { index($_, substr $b64, 60, 60) >= 0 } $all->lines), 0, 'no token is in the log';
}
