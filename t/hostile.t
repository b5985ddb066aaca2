# Bytes from strangers: whatever they send, no child dies, no memory grows, no
# answer is a 500, and the next good token on the same connection works.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Httpd 'mpm';
use NegTest::Spnego qw(der mech_list neg_token_init neg_token_resp oid KRB5 NTLMSSP SPNEGO);

use constant IAKERB => '1.3.6.1.5.2.5';

my $under_sanitizer = $ENV{NEG_SANITIZE_PRELOAD} ? 1 : 0;
my $seed = $ENV{NEG_SEED} || time;
srand $seed;

plan tests => 55;
diag "seed $seed: NEG_SEED=$seed runs the same again";

# Children do not come and go here, so that a pid that is gone is a death.
my $server = server(conf => <<'CONF');
    LimitRequestFieldSize 200000
    KeepAliveTimeout 60
    <IfModule event.c>
        MinSpareThreads 1
        AsyncRequestWorkerFactor 10
    </IfModule>
    ScriptAliasMatch "^/[^/]+/env\.pl" "@stage@/cgi-bin/env.pl"
    AuthNegotiateKeytab "@keytab@"
    Alias "/auth" "@stage@/htdocs"
    Alias "/persist" "@stage@/htdocs"
    <LocationMatch "^/(?:auth|persist)">
        AuthType Negotiate
        AuthName "test"
        Require valid-user
    </LocationMatch>
    <Location "/persist">
        AuthNegotiatePersist On
    </Location>
CONF
$server->start;
my $page     = '/auth/plain.txt';
my @children = $server->children;

sub connection { return http(port => $server->port) }

# --- the judge ---------------------------------------------------------------------

my $http = connection();
my %seen;    # status => count, of the current group

sub throw {
    my ($token, $path) = @_;
    return throw_line(negotiate($token), $path);
}

sub throw_line {
    my ($line, $path) = @_;
    my $r = eval { $http->get($path || $page, Authorization => $line) };
    if ($r) { $seen{ $r->status }++ }
    else    { $seen{lost}++; $http = connection() }
    return $r;
}

# Statuses that the thrown tokens may have had, and nobody was hurt.
sub survived {
    my ($what, @allowed) = @_;
    my %allowed = map { $_ => 1 } @allowed;
    my $sum     = join ', ', map { "$seen{$_} times $_" } sort keys %seen;
    is_deeply [ grep { !$allowed{$_} } keys %seen ], [], "$what: $sum";
    is $http->get('/auth/env.pl', Authorization => initiator('alice')->authorization)->env->{REMOTE_USER},
      'alice@EXAMPLE.TEST', '... and the next good token on the same connection works';
    is_deeply [ grep { !kill 0, $_ } @children ], [], '... no child died';
    %seen = ();
    return;
}

# --- materials ---------------------------------------------------------------------

sub framed { my ($mech, $rest) = @_; return der(0x60, oid($mech) . $rest) }

sub random_bytes { my ($n) = @_; return join '', map { chr int rand 256 } 1 .. $n }

my %valid = (
    SPNEGO   => sub { initiator('alice')->step },
    Kerberos => sub { initiator('alice', mech => 'krb5')->step },
    response => sub { neg_token_resp(token => initiator('alice', mech => 'krb5')->step) },
);

# --- random bytes ------------------------------------------------------------------

throw(random_bytes(int rand 400)) for 1 .. 300;
throw_line('Negotiate ' . encode_base64(random_bytes(int rand 400), '') =~ tr{A-Za-z0-9+/=}{}cdr) for 1 .. 50;
throw_line('Negotiate ' . random_bytes(int rand 200) =~ tr/\x00-\x1f\x7f//dr) for 1 .. 100;
survived 'random bytes', 401;

# Junk that looks right from outside, so that it gets further.
for (1 .. 200) {
    my $junk = random_bytes(int rand 300);
    throw(framed(SPNEGO, $junk));
    throw(framed(KRB5, "\1\0" . der(0x6e, $junk)));
    throw(neg_token_init(token => framed(KRB5, "\1\0" . der(0x6e, $junk))));
    throw(der(0x6e, $junk));
}
survived 'random bytes in good frames', 401;

# Random DER: the parsers below ours see every type in every place.
sub random_der {
    my ($depth) = @_;
    my @tags = (0x02, 0x03, 0x04, 0x06, 0x0a, 0x18, 0x1b, 0x30, 0x61, 0x6e, 0xa0 .. 0xa8);
    return der($tags[ rand @tags ], $depth && rand() < 0.8
        ? join('', map { random_der($depth - 1) } 1 .. 1 + rand 4)
        : random_bytes(int rand 12));
}
throw(framed(KRB5, "\1\0" . der(0x6e, der(0x30, join '', map { random_der(3) } 1 .. 5)))) for 1 .. 300;
survived 'random DER as an AP-REQ', 401;

# --- a valid token, damaged --------------------------------------------------------

for my $kind (sort keys %valid) {
    my $token = $valid{$kind}->();
    throw(substr $token, 0, $_) for 0 .. length($token) - 1;
    survived "$kind, cut at every byte", 401;
}

# Most of a token is ciphertext; its structure is at the beginning.
sub damaged {
    my ($token) = @_;
    substr($token, rand() < 0.6 ? rand 160 : rand length $token, 1) = chr int rand 256;
    return $token;
}

# A change where nothing is protected may be accepted, as alice and nobody else.
my @intruders;
for my $kind (sort keys %valid) {
    my $good;
    for (1 .. 300) {
        $good = $valid{$kind}->() if $_ % 25 == 1;
        my $r = throw(damaged($good), '/auth/env.pl');
        push @intruders, $r->env->{REMOTE_USER}
          if $r && $r->status == 200 && $r->env->{REMOTE_USER} ne 'alice@EXAMPLE.TEST';
    }
    survived "$kind, one byte changed", 200, 401;
}
is_deeply \@intruders, [], 'nobody became another';

# The same within an exchange: the damaged token meets a context.
for (1 .. 150) {
    throw(neg_token_init(mechs => [KRB5]));
    throw(damaged($valid{response}->()));
}
survived 'a damaged second leg', 200, 401;

# --- NTLM --------------------------------------------------------------------------

# What a message says about where its parts are is the attacker's to choose.
sub ntlm {
    my ($type, @fields) = @_;
    return "NTLMSSP\0" . pack('V', $type) . join '', map { pack 'vvV', @$_ } @fields;
}
my @lies = (
    [ 0xffff, 0xffff, 0xffffffff ], [ 0xffff, 0xffff, 12 ], [ 1, 1, 0x7fffffff ],
    [ 0, 0xffff, 0 ], [ 24, 24, 0xfffffff0 ], [ 0, 0, 0 ],
);
my @ntlm = ("NTLMSSP\0", "NTLMSSP", ntlm(0), ntlm(4), ntlm(0xffffffff));
for my $lie (@lies) {
    push @ntlm, ntlm(1) . pack('V', 0xe2088297) . pack('vvV', @$lie) x 2 . "\0" x 8;
    push @ntlm, ntlm(2, $lie) . pack('V', 0xe2898215) . 'challeng' . "\0" x 8 . pack('vvV', @$lie);
    push @ntlm, ntlm(3, ($lie) x 6) . pack('V', 0xe2888215) . "\6\1\0\0\0\0\0\x0f" . "\0" x 16;
}
push @ntlm, map { my $m = $ntlm[$_]; map { substr $m, 0, $_ } 8 .. length($m) - 1 } 5, 6, 7;
for my $message (@ntlm) {
    throw($message);
    throw(neg_token_init(mechs => [NTLMSSP], token => $message));
    throw(neg_token_init(mechs => [ NTLMSSP, KRB5 ], token => $message));
    throw(neg_token_init(mechs => [KRB5], token => $message));
    throw(framed(NTLMSSP, $message));
    throw(neg_token_resp(token => $message));
    throw(neg_token_resp(token => $message));    # and after a first leg, since this one ended it
    throw(neg_token_init(mechs => [KRB5]));
    throw(neg_token_resp(token => $message));
    throw(neg_token_init(mechs => [KRB5]));
    throw(neg_token_resp(token => framed(NTLMSSP, $message), mic => $message));
}
survived 'NTLM of all kinds, everywhere', 401;

# --- size and depth ----------------------------------------------------------------

for my $size (0x7f, 0x80, 0xff, 0x100, 8_000, 0xfff0, 49_000, 65_534, 65_535, 65_536, 70_000, 140_000) {
    my $filler = 'A' x $size;
    throw($filler);
    throw(framed(KRB5, "\1\0" . der(0x6e, $filler)));
    throw(neg_token_init(token => framed(KRB5, "\1\0" . der(0x6e, der(0x30, $filler)))));
    throw(neg_token_init(mechs => [KRB5], mic => $filler));
    throw(neg_token_init(mechs => [ ('1.2.3.4') x ($size / 5) ]));
    throw(neg_token_init(mechs => [ ('1.2.3.4') x ($size / 5), KRB5 ]));
    throw_line('Negotiate ' . $filler);
    throw_line($filler);
    throw_line($filler . ' ' . $filler) if $size < 90_000;
    throw_line('Negotiate ' . ' ' x $size . 'YII=');
    throw_line('Negotiate ' . ',' x $size);
}
survived 'tokens and headers up to 190 kB', 400, 401;

for my $depth (10, 100, 1_000, 5_000) {
    for my $tag (0x30, 0xa0, 0x60, 0x24) {
        my $nest = '';
        $nest = der($tag, $nest) for 1 .. $depth;
        throw($_) for $nest, framed(SPNEGO, der(0xa0, $nest)), framed(KRB5, "\1\0" . der(0x6e, $nest)),
          neg_token_resp(token => $nest), der(0x6e, der(0x30, $nest));
    }
}
my $russian_doll = initiator('alice', mech => 'krb5')->step;
for (1 .. 60) {
    $russian_doll = neg_token_init(token => $russian_doll);
    throw($russian_doll);
    throw(neg_token_init(mechs => [KRB5]));
    throw(neg_token_resp(token => $russian_doll));
}
# The first of them is a token in one more frame than its client made.
survived 'deep nesting', 200, 401;

# --- all at once ---------------------------------------------------------------------

# Threads share a process: what one is fed must not show in another's answer.
{
    my $work = sub {
        my ($number) = @_;
        srand $seed + $number;
        my ($name, $http) = ($number % 2 ? 'alice' : 'bob', connection());
        my $strangers = 0;
        for (1 .. 25) {
            my $good = initiator($name)->step;
            for my $token (damaged($good), random_bytes(200), neg_token_init(mechs => [KRB5]), ntlm(1), $good) {
                my $r = $http->get('/auth/env.pl', Authorization => negotiate($token));
                $strangers++ if ($r->env->{REMOTE_USER} || "$name\@EXAMPLE.TEST") ne "$name\@EXAMPLE.TEST";
            }
        }
        return $strangers;
    };
    ccache($_) for qw(alice bob);    # before the fork, for all
    is_deeply [ in_parallel(6, $work) ], [ (0) x 6 ], 'six clients at once, each is itself';
    survived '... and harms nobody';
}

# --- many half-open contexts ---------------------------------------------------------

{
    my $many = mpm() eq 'prefork' ? 30 : 300;
    my @open = map { connection() } 1 .. $many;
    my $offer = negotiate(neg_token_init(mechs => [KRB5]));
    my @answers = map { $_->get($page, Authorization => $offer) } @open;
    is scalar(grep { $_->status == 401 && length $_->token } @answers), $many, "$many half-open contexts";
    my $krb5 = initiator('bob', mech => 'krb5');
    is $open[ $many / 2 ]->get('/auth/env.pl', Authorization => negotiate(neg_token_resp(token => $krb5->step)))
      ->env->{REMOTE_USER}, 'bob@EXAMPLE.TEST', '... any of them can be completed';
    $_->close for @open;
    $http = connection();
    survived '... and given up';
}

# --- memory --------------------------------------------------------------------------

# One connection that never ends, as an attacker would keep it.
SKIP: {
    skip 'the sanitizer keeps what is freed', 1 if $under_sanitizer;
    my $offer = neg_token_init(mechs => [KRB5]);
    my $junk  = framed(KRB5, "\1\0" . der(0x6e, 'x' x 4_000));
    my $torture = sub {
        my ($rounds) = @_;
        for (1 .. $rounds) {
            throw($offer, '/persist/plain.txt') for 1 .. 4;
            throw($junk);
            throw_line('Negotiate ' . 'x' x 4_000);
        }
    };
    $torture->(400);
    my $before = $server->memory;
    $torture->(1_200);
    my $growth = $server->memory - $before;
    cmp_ok $growth, '<', 200, "7200 hostile requests on one connection: $growth kB more";
}
survived 'a connection that never ends', 401;

is_deeply [ $server->log->crashes ], [], 'nobody died';
is_deeply [ $server->log->ours(qr/refused \((?:internal|keytab)\)/) ], [], 'nobody made us doubt ourselves';
