# One request of a client may become several in the server: subrequests, internal
# redirects, error pages. They keep identity and variables, each by the policy of
# its own location, and no token is ever tried twice (krb5's replay cache is on:
# a second use would be told in the log).

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;

my $server = server(conf => <<'CONF');
    AuthNegotiateKeytab "@keytab@"
    RewriteEngine On
    AliasMatch "^/(?:a|b|two|bob|tls|keytab|open|persist|any-type)(/.*)" "@dir@/site$1"
    <Directory "@dir@/site">
        Options +ExecCGI +Includes +MultiViews
        MultiviewsMatch Any
        AddHandler cgi-script .cgi
        AddOutputFilter INCLUDES .shtml
        DirectoryIndex index.cgi
    </Directory>
    <Directory "@dir@/site/rewritten">
        RewriteEngine On
        RewriteBase "/a/rewritten/"
        RewriteRule "^to-a$" "/a/env.cgi"
        RewriteRule "^to-b$" "/b/env.cgi"
        RewriteRule "^beside$" "env.cgi"
        RewriteRule "^to-bob$" "/bob/env.cgi"
        RewriteRule "^to-tls$" "/tls/env.cgi"
        RewriteRule "^to-keytab$" "/keytab/env.cgi"
        RewriteRule "^to-two$" "/two/env.cgi"
        RewriteRule "^to-open$" "/open/env.cgi"
    </Directory>
    Action for-action "/a/env.cgi"
    AddHandler for-action .act
    Action for-action-b "/b/env.cgi"
    AddHandler for-action-b .actb

    # The rewriter asks who the user will be, long before he is asked.
    RewriteRule "^/a/ahead$" "/a/env.cgi" [E=AHEAD:%{LA-U:REMOTE_USER},PT]

    <Location "/">
        AuthName "one"
    </Location>
    <LocationMatch "^/(?:a|b|two|bob|tls|keytab|persist)/">
        AuthType Negotiate
        Require valid-user
    </LocationMatch>
    <Location "/b">
        # Another configuration, so that httpd asks again.
        AuthNegotiateOffer always
    </Location>
    <Location "/two">
        AuthName "two"
    </Location>
    <Location "/bob">
        Require user bob@EXAMPLE.TEST
    </Location>
    <Location "/tls">
        AuthNegotiateRequireTLS On
    </Location>
    <Location "/keytab">
        AuthNegotiateKeytab "@dir@/copy.keytab"
    </Location>
    <Location "/persist">
        AuthNegotiatePersist On
    </Location>
    <Location "/a/accessible">
        <RequireAll>
            Require expr -U "/b/plain.txt"
            Require valid-user
        </RequireAll>
    </Location>
    <Location "/any-type">
        AuthType "%{req:X-Type}"
        AuthBasicProvider file
        AuthUserFile "@dir@/passwords"
        Require valid-user
    </Location>

    ErrorDocument 401 /open/error.cgi
    ErrorDocument 403 /open/error.cgi
    ErrorDocument 404 /open/error.cgi
    ErrorDocument 500 /open/error.cgi
    <LocationMatch "^/a/own/">
        ErrorDocument 401 /a/error.cgi
        ErrorDocument 403 /a/error.cgi
        ErrorDocument 404 /a/error.cgi
    </LocationMatch>
    <LocationMatch "^/b/own/">
        ErrorDocument 404 /a/error.cgi
    </LocationMatch>
    <LocationMatch "/refused$">
        Require user nobody
    </LocationMatch>
    <LocationMatch "/broken-keytab$">
        AuthNegotiateKeytab "@dir@/vanishing.keytab"
    </LocationMatch>
CONF

my $site = $server->dir . '/site';
sub put {
    my ($name, $text, $mode) = @_;
    NegTest::Process::run_ok([ 'mkdir', '-p', "$site/$name" =~ s{/[^/]*$}{}r ]);
    open my $out, '>', "$site/$name" or die "$name: $!";
    print $out $text;
    close $out;
    chmod $mode || 0644, "$site/$name";
    return;
}

my $env = do { local (@ARGV, $/) = source_dir() . '/t/cgi-bin/env.pl'; <> };
put($_, $env, 0755)
  for qw(env.cgi index.cgi dir/index.cgi choice.cgi rewritten/env.cgi error.cgi own/env.cgi);
put('plain.txt', "plain\n");
put($_, "an action's\n") for qw(x.act x.actb);
put("to-$_.cgi", qq{#!/bin/sh\nprintf 'Location: /$_/env.cgi\\n\\n'\n}, 0755)
  for qw(a b two bob tls keytab open);
put('echo.shtml', <<'END');
USER=<!--#echo var="REMOTE_USER" -->
<!--#printenv -->
END
put("one-$_.shtml", qq{<!--#include virtual="/$_/env.cgi" -->\n}) for qw(a b two bob tls keytab open);
put('three.shtml', join "\n", map { qq{$_:<!--#include virtual="/$_/env.cgi" -->} } qw(a b a));
put('mixed.shtml', join "\n", map { qq{$_:<!--#include virtual="/$_/env.cgi" -->} } qw(two a));
put('late.shtml', "x\n" x 10 . join "\n", map { qq{$_:<!--#include virtual="/$_/env.cgi" -->} } qw(persist persist));

NegTest::Process::run_ok([ 'cp', '-p', keytab(), $server->dir . "/$_.keytab" ]) for qw(copy vanishing);
open my $passwords, '>', $server->dir . '/passwords' or die $!;
print $passwords "carol:{SHA}zXcJ0RYJSAQlvSZSzXhgsIc0Gok=\n";
close $passwords;
$server->start;
unlink $server->dir . '/vanishing.keytab';

my $ALICE = 'alice@EXAMPLE.TEST';
sub connection { return http(port => $server->port, @_) }

# One request by a new token, with the final token checked.
sub fetch {
    my ($path, %opt) = @_;
    my $gss = initiator($opt{who} || 'alice');
    my $r   = ($opt{http} || connection())->get($path, Authorization => $gss->authorization);
    $r->{mutual} = $gss->finish($r) && $gss->mutual;
    return $r;
}

sub is_alice {
    my ($env, $what) = @_;
    my %seen = map { $_ => $env->{$_} } qw(REMOTE_USER AUTH_TYPE GSS_NAME NEGOTIATE_MECH NEGOTIATE_REALM);
    is_deeply \%seen,
      {
        REMOTE_USER     => $ALICE,
        AUTH_TYPE       => 'Negotiate',
        GSS_NAME        => $ALICE,
        NEGOTIATE_MECH  => 'krb5',
        NEGOTIATE_REALM => 'EXAMPLE.TEST',
      },
      "$what: alice, with her variables";
    like $env->{GSS_SESSION_EXPIRATION} || '', qr/^\d{10}$/, '... and the end of her ticket';
    return;
}

my $log = $server->log->mark;

my @ways = (
    [ 'the page itself',                  '/a/env.cgi',               'header' ],
    [ 'DirectoryIndex',                   '/a/dir/',                  'header' ],
    [ 'DirectoryIndex, above',            '/b/',                      'header' ],
    [ 'SSI: the variables',               '/a/echo.shtml',            'header' ],
    [ 'SSI: include',                     '/a/one-a.shtml',           'inherited' ],
    [ 'SSI: include of elsewhere',        '/a/one-b.shtml',           'inherited' ],
    [ 'SSI: include, main not protected', '/open/one-a.shtml',        'header' ],
    [ 'mod_rewrite',                      '/a/rewritten/to-a',        'inherited' ],
    [ 'mod_rewrite to elsewhere',         '/a/rewritten/to-b',        'inherited' ],
    [ 'mod_rewrite in its directory',     '/a/rewritten/beside',      'inherited' ],
    [ 'mod_rewrite, from outside',        '/open/rewritten/to-a',     'header' ],
    [ 'mod_rewrite, looking ahead',       '/a/ahead',                 'header' ],
    [ 'Action',                           '/a/x.act',                 'inherited' ],
    [ 'Action elsewhere',                 '/a/x.actb',                'inherited' ],
    [ 'CGI Location',                     '/a/to-a.cgi',              'inherited' ],
    [ 'CGI Location elsewhere',           '/a/to-b.cgi',              'inherited' ],
    [ 'CGI Location from outside',        '/open/to-a.cgi',           'header' ],
    [ 'MultiViews',                       '/a/choice',                'header' ],
    [ 'Require expr -U',                  '/a/accessible/../env.cgi', 'header' ],
);

for my $way (@ways) {
    my ($what, $path, $source) = @$way;
    my $r = fetch($path);
    is $r->status, 200, "$what: 200";
    is_alice($r->env, $what);
    # An include runs when the headers of the page around it are gone.
    my $late = $path =~ m{^/open/one};
    ok $r->{mutual} || $late, '... the server has proven itself';
    is scalar($r->challenges), $late ? 0 : 1, '... in one line';
    is $r->env->{NEGOTIATE_SOURCE}, $source, '... NEGOTIATE_SOURCE';
    is connection()->get($path)->status, $late ? 200 : 401, '... not without a token';
}
is fetch('/a/ahead')->env->{AHEAD}, $ALICE, 'looking ahead, mod_rewrite has seen her';

{
    my $http = connection();
    my $r    = fetch('/a/accessible', http => $http);
    is $r->status, 404, 'Require expr -U: alice may';
    ok $r->{mutual}, '... the server has proven itself';
    is fetch('/a/accessible')->status, 404, '... again';
}

# Kept by the connection, everything is as with a token - but for caches.
for my $path (map { s{^/[ab]/}{/persist/}r } grep { m{^/[ab]/(?!ahead|acc)} } map { $_->[1] } @ways) {
    my $http = connection();
    fetch('/persist/plain.txt', http => $http);
    my $r = $http->get($path);
    is_alice($r->env, "$path on a connection that knows her");
    is_deeply [ $r->header('Cache-Control') ], ['private'], '... Cache-Control';
}

{
    my $r = fetch('/open/three.shtml');
    my @users = $r->body =~ /^REMOTE_USER=(.*)$/mg;
    is_deeply \@users, [ ($ALICE) x 3 ], 'one token serves three includes of a page that is not protected';
    is_deeply [ $r->body =~ /^NEGOTIATE_SOURCE=(.*)$/mg ], [qw(header inherited inherited)], '... it was used once';
}
{
    my $r = fetch('/open/mixed.shtml');
    my %part = $r->body =~ /^(two|a):(.*?)(?=^\w+:|\z)/msg;
    like $part{two}, qr/^REMOTE_USER=\Q$ALICE\E$/m, 'the first include is in another space';
    unlike $part{a}, qr/REMOTE_USER=/, '... its token does not open the second';
}
{
    my $http = connection();
    my $r    = fetch('/persist/plain.txt', http => $http);
    $r = $http->get('/open/late.shtml');
    is $r->header('Cache-Control'), undef, 'an answer that has begun, and may be in a cache';
    unlike $r->body, qr/REMOTE_USER=/, '... gets no part by what the connection knows';
    is $http->get('/persist/plain.txt')->status, 200, '... which still knows her';
    $r = fetch('/open/late.shtml', http => $http);
    is_deeply [ $r->body =~ /^REMOTE_USER=(.*)$/mg ], [ ($ALICE) x 2 ], '... but it does by a token';
    is $http->get('/persist/plain.txt')->status, 401, '... which is for that answer alone';
}

# Where the identity does not fit: nobody.
my %not = (
    two    => 401,    # another AuthName
    keytab => 401,    # another keytab
    tls    => 403,
    bob    => 403,
);
for my $name (sort keys %not) {
    is fetch("/a/rewritten/to-$name")->status, $not{$name}, "a rewrite to /$name: $not{$name}";
    is fetch("/a/to-$name.cgi")->status, $not{$name}, '... a CGI that sends it there, too';
    my $r = fetch("/a/one-$name.shtml");
    is $r->status, 200, "a page that includes /$name";
    like $r->body, qr/error occurred/, '... says that it cannot';
    unlike $r->body, qr/REMOTE_USER=/, '... and shows nothing';
}
is fetch('/two/rewritten/to-a')->status, 401, 'nor from another AuthName to here';
is fetch('/bob/rewritten/to-a')->status, 403, 'a page that she may not see does not send her on';
{
    my $env = fetch('/a/rewritten/to-open')->env;
    is $env->{REDIRECT_REMOTE_USER}, $ALICE, 'redirected out of protection: REDIRECT_REMOTE_USER';
    is $env->{REDIRECT_GSS_NAME}, $ALICE, '... REDIRECT_GSS_NAME';
    ok !exists $env->{REMOTE_USER}, '... and no REMOTE_USER';
}

# --- ErrorDocument -----------------------------------------------------------

{
    my $r = connection()->get('/a/env.cgi');
    is $r->status, 401, 'nobody';
    is_deeply [ $r->challenges ], ['Negotiate'], '... is asked';
    is $r->env->{REDIRECT_STATUS}, 401, '... by a page of our own';
    ok !exists $r->env->{NEGOTIATE_ERROR}, '... which has no error to tell';
}
{
    my $r = connection()->get('/a/env.cgi', Authorization => negotiate('junk'));
    is $r->status, 401, 'a junk token';
    is $r->env->{NEGOTIATE_ERROR}, 'malformed', '... NEGOTIATE_ERROR';
    like $r->env->{NEGOTIATE_ERROR_TEXT}, qr/\w \w+ \w/, '... NEGOTIATE_ERROR_TEXT';
    is scalar(my @all = $r->challenges), 1, '... one challenge';
}
for my $own (qw(/a /a/own)) {
    my ($page, $user) = $own eq '/a' ? ('unprotected', 'REDIRECT_REMOTE_USER') : ('protected', 'REMOTE_USER');
    my $r    = fetch("$own/missing");
    my $env  = $r->env;
    is $r->status, 404, "404, $page page";
    ok $r->{mutual}, '... with the final token';
    is $env->{$user}, $ALICE, "... $user";
    is $env->{GSS_NAME} || $env->{REDIRECT_GSS_NAME}, $ALICE, '... GSS_NAME';
    ok !exists $env->{NEGOTIATE_ERROR}, '... no error of ours';

    $r = fetch("$own/refused");
    is $r->status, 403, "403, $page page";
    ok $r->{mutual}, '... with the final token';
    is $r->env->{$user}, $ALICE, "... $user";
}
{
    my $r = fetch('/b/own/missing');
    is $r->status, 404, '404, the page is protected by another configuration';
    is_alice($r->env, '... which lets her in');
    is scalar(my @all = $r->challenges), 1, '... the final token, once';

    $r = connection()->get('/a/own/env.cgi', Authorization => negotiate('junk'));
    is $r->status, 401, '401, the page for it is protected';
    is scalar(@all = $r->challenges), 1, '... one challenge';
    unlike $r->body, qr/REMOTE_USER=/, '... and nobody is in';
}
{
    my $r = fetch('/a/broken-keytab');
    is $r->status, 500, 'a keytab that is gone: 500';
    is $r->env->{NEGOTIATE_ERROR}, 'keytab', '... NEGOTIATE_ERROR';
    like $r->env->{NEGOTIATE_ERROR_TEXT}, qr/keytab/, '... NEGOTIATE_ERROR_TEXT';
    is_deeply [ $r->challenges ], [], '... and no challenge';
}
is fetch('/tls/env.cgi')->env->{NEGOTIATE_ERROR}, 'tls', '403 for TLS: NEGOTIATE_ERROR';

# --- AuthType as an expression -----------------------------------------------

{
    my $get = sub { connection()->get('/any-type/env.cgi', @_) };
    is_deeply [ $get->('X-Type' => 'Negotiate')->challenges ], ['Negotiate'], 'AuthType by expression: Negotiate';
    is_deeply [ $get->('X-Type' => 'Basic')->challenges ], ['Basic realm="one"'], '... Basic';
    my $r = $get->('X-Type' => 'negotiate', Authorization => initiator('alice')->authorization);
    is_alice($r->env, '... negotiate with a token');
    $r = $get->('X-Type' => 'Basic', Authorization => initiator('alice')->authorization);
    is $r->status, 401, '... Basic with a Negotiate token: 401';
    is $get->('X-Type' => 'None', Authorization => initiator('alice')->authorization)->status, 500,
      '... None beside Require valid-user: nobody gets in';
}

is_deeply [ $log->lines(qr/replay/i) ], [], 'no token was tried twice';
is_deeply [ $server->log->crashes ], [], 'nobody died';

done_testing;
